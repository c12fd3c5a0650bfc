"""What waits for an owner: versions that a policy would let into production but for approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from attestflow.digest import ContentDigest
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.gate import Gate
from attestflow.integrations.mlflow.records.audit import CONTENT_TAG
from attestflow.integrations.mlflow.records.guarded import all_policies, transition_in
from attestflow.integrations.mlflow.records.registry_view import RegistryView
from attestflow.names import fold
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.verdict import APPROVAL_RULE, Verdict

NEWEST = 3
State = Literal["yours", "others", "ready", "blocked", "unknown"]
_WILD = set("*?[")


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that could get an alias or stage next.

    `yours`: it lacks nothing but approvals, and yours is one of those that count; `others`: it lacks those of others;
    `ready`: it would pass; `blocked`: it lacks more than approvals; `unknown`: nothing is attested about it (`problem`).
    """

    model: str
    version: str
    to: str
    policy: str
    state: State
    content: ContentDigest | None = None
    verdict: Verdict | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Looker:
    view: RegistryView
    settings: Settings
    functionary: str
    policies: tuple[Policy, ...]

    def model(self, name: str) -> Iterator[Pending]:
        held = {each.to: each.version for each in self.view.held(name)}
        versions = [str(each.version) for each in self.view.versions(name)]
        for policy in self.policies:
            for to in sorted({*_literal(policy, name), *(each for each in held if policy.protects(name, each))}):
                now = next((version for other, version in held.items() if fold(other) == fold(to)), None)
                newer = [each for each in versions if now is None or int(each) > int(now)]
                for version in newer[-NEWEST:]:
                    yield self._version(name, version, to, policy, now)

    def _version(self, name: str, version: str, to: str, policy: Policy, now: str | None) -> Pending:
        try:
            content = self._content(name, version)
            production = self._content(name, now) if now is not None else None
            if content is None:
                problem = "it was not registered through attestflow: `attestflow register` signs its papers"
                return Pending(name, version, to, policy.name, "unknown", problem=problem)
            transition = transition_in(self.settings, self.view.workspace, name, to)
            gate = Gate(self.settings.open_store(), self.settings.verifier(), policy, self.settings.clock)
            verdict = gate.check(content, name=name, transition=transition, production=production)
            mine = gate.words_by(content, self.functionary, transition, "approved")
        except AttestflowError as exc:
            return Pending(name, version, to, policy.name, "unknown", problem=exc.message)
        return Pending(name, version, to, policy.name, self._state(verdict, policy, bool(mine)), content, verdict)

    def _content(self, name: str, version: str) -> ContentDigest | None:
        """What MLflow's tag says: a pointer to look at evidence by. Whoever approves reads the bytes themselves."""
        tag = self.view.tags(name, version).get(CONTENT_TAG)
        try:
            return ContentDigest.parse(tag) if tag else None
        except ConfigurationError:
            return None

    def _state(self, verdict: Verdict, policy: Policy, approved: bool) -> State:
        if verdict.passed:
            return "ready"
        if {finding.rule for finding in verdict.denials} != {APPROVAL_RULE}:
            return "blocked"
        counting = {who for use in policy.rules if use.rule == APPROVAL_RULE for who in use.parameters["by"]}
        return "yours" if self.functionary in counting and not approved else "others"


def pending(view: RegistryView, settings: Settings, functionary: str, pattern: str = "*") -> Iterator[Pending]:
    """For each guarded alias and stage of each model that a glob matches, the newest versions that are not there yet.

    Nothing is recorded. Raises AttestflowError where nothing can be looked at; what one version lacks is its `problem`.
    """
    policies = all_policies(settings)
    looker = _Looker(view, settings, functionary, policies)
    for name in view.models(pattern):
        if any(policy.protections for policy in policies):
            yield from looker.model(name)


def _literal(policy: Policy, model: str) -> Iterator[str]:
    """The guarded aliases and stages that a policy names without a glob: they may be empty yet."""
    for each in policy.protections:
        if each.covers_model(model):
            yield from (f"alias:{name}" for name in each.aliases if not _WILD & set(name) and fold(name) != "latest")
            yield from (f"stage:{name}" for name in each.stages if not _WILD & set(name))


def document(row: Pending) -> dict[str, Any]:
    """A row as JSON values."""
    return {
        "model": row.model,
        "version": row.version,
        "to": row.to,
        "policy": row.policy,
        "state": row.state,
        "digest": str(row.content) if row.content else None,
        "denied": [finding.to_json() for finding in row.verdict.denials] if row.verdict else [],
        "problem": row.problem,
    }
