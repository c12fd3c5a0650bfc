"""Taking on a registry that has years of models: each version is attested as it was found, and what production lacks is listed.

`asFound: true` in an attestation's subject says that nobody vouches for where the bytes came from: they were there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from attestflow.attest import Attester
from attestflow.decisions import standing
from attestflow.digest import ContentDigest
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.integrations.mlflow.records.audit import Showing
from attestflow.integrations.mlflow.records.guarded import accepted, all_policies, guarding, transition_in
from attestflow.integrations.mlflow.records.registry_view import RegistryView
from attestflow.policy.schema import Policy
from attestflow.predicates import ml_bom
from attestflow.settings import VERIFIER_ROLE, Settings
from attestflow.subject import Measurement, measure
from attestflow.verdict import Verdict
from attestflow.verify import verify_digest

AS_FOUND: Mapping[str, Any] = {"asFound": True}


@dataclass(frozen=True, slots=True)
class Adopted:
    """One version: attested now, before, or not at all (`problem` says why). `ml_bom` is the identity of one made now."""

    model: str
    version: str
    state: Literal["attested", "known", "unreadable"]
    content: ContentDigest | None = None
    attestation: str | None = None
    ml_bom: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What holds a guarded alias or stage, and what a policy finds about it; `recorded` is the verdict's identity.

    `verdict` is None where a decision stood before; `problem` says why there is none.
    """

    model: str
    to: str
    version: str
    policy: str
    verdict: Verdict | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """Adopts versions of one registry: signs with `attester`, records verdicts through the settings' gates."""

    view: RegistryView
    settings: Settings
    attester: Attester
    policies: tuple[Policy, ...]
    showing: Showing

    @classmethod
    def of(cls, view: RegistryView, settings: Settings, attester: Attester, *, showing: Showing) -> Adoption:
        """Raises ConfigurationError where the settings have no policy that guards anything, or no verifier's key."""
        policies = all_policies(settings)
        if not any(policy.protections for policy in policies):
            raise ConfigurationError(
                "no policy of these settings protects anything, so nothing would be adopted for a gate",
                hint="name models with aliases or stages under `protects` in a policy, and sign it",
            )
        if VERIFIER_ROLE not in settings.keys:
            raise ConfigurationError(
                "the settings name no verifier's key, so what is in production could not be recorded",
                hint=f"run it where the gate runs, or add the key under [keys]: {VERIFIER_ROLE} = …",
            )
        return cls(view, settings, attester, policies, showing)

    def locked_out(self, pattern: str) -> Iterator[Gap]:
        """What is in production and would not pass a policy that is in `enforce` already: nothing is signed or stored."""
        for gap in self._gaps(pattern, sign=False, enforced_only=True):
            if gap.verdict is not None and not gap.verdict.passed:
                yield gap

    def versions(self, pattern: str, *, only_guarded: bool, done: frozenset[str] = frozenset()) -> Iterator[Adopted]:
        """Attest every version of the models that a glob matches, or those alone that hold what is guarded.

        `done` names versions (`key`) that are skipped. One that cannot be read is reported, and the next one follows.
        """
        for model in self.view.models(pattern):
            try:
                numbers = self._numbers(model, only_guarded=only_guarded)
            except AttestflowError as exc:
                yield Adopted(model, "?", "unreadable", problem=exc.message)
                continue
            for version in numbers:
                if key(model, version) not in done:
                    yield self._adopt(model, version)

    def gaps(self, pattern: str) -> Iterator[Gap]:
        """What every policy finds about what holds a guarded alias or stage now, recorded through its gate.

        Where a decision stands already it is left as it is.
        """
        yield from self._gaps(pattern, sign=True, enforced_only=False)

    def _numbers(self, model: str, *, only_guarded: bool) -> list[str]:
        held = {each.version for each in self.view.held(model) if guarding(self.policies, model, each.to)}
        # A version that somebody marked as a prompt is in no search, and may hold an alias all the same.
        found = held if only_guarded else held | {str(each.version) for each in self.view.versions(model)}
        return sorted(found, key=int)

    def _adopt(self, model: str, version: str) -> Adopted:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="attestflow-") as folder,
                self.showing(f"models:/{model}/{version}") as bar,
            ):
                path = self.view.fetch(model, version, Path(folder))
                measured = measure(path, name=model, progress=bar)
                return self._attest(model, version, path, measured)
        except AttestflowError as exc:
            return Adopted(model, version, "unreadable", problem=exc.message)

    def _attest(self, model: str, version: str, path: Path, measured: Measurement) -> Adopted:
        store, verifier = self.attester.store, self.attester.verifier
        assert verifier is not None
        known = verify_digest(measured.content, store, verifier).accepted
        identity = known[0].identity if known else None
        if not known:
            made = self.attester.attest_content(measured, kind="model", annotations=AS_FOUND)
            identity = made.identity
        try:
            bom = self._describe(model, version, path, measured)
            problem = None
        except AttestflowError as exc:
            bom, problem = None, f"no ML-BOM: {exc.message}"
        state: Literal["attested", "known"] = "known" if known else "attested"
        return Adopted(model, version, state, measured.content, identity, bom, problem)

    def _describe(self, model: str, version: str, path: Path, measured: Measurement) -> str | None:
        """An ML-BOM from the files alone, where nobody signed one; its identity."""
        from dataclasses import replace

        from attestflow.documents import parse_json
        from attestflow.mlbom.cyclonedx import to_cyclonedx
        from attestflow.mlbom.mlflow_model import describe_model_dir

        if any(self._boms(measured.content)):
            return None
        described = describe_model_dir(path, name=model, listing=measured.listing, environment=())
        described = replace(described, version=version, system=replace(described.system, version=version))
        document = parse_json(to_cyclonedx(described, timestamp=self.attester.clock()), "ML-BOM")
        subject = measured.descriptor(**AS_FOUND)
        return self.attester.attest_predicate([subject], ml_bom.PREDICATE_TYPE, document).identity

    def _boms(self, content: ContentDigest) -> Iterator[bool]:
        assert self.attester.verifier is not None
        for stored in self.attester.store.attestations(content, ml_bom.PREDICATE_TYPE):
            try:
                verified = self.attester.verifier.verify(stored.raw)
            except AttestflowError:
                continue
            if content in verified.statement.contents():
                yield True

    def _gaps(self, pattern: str, *, sign: bool, enforced_only: bool) -> Iterator[Gap]:
        for model in self.view.models(pattern):
            try:
                held = self.view.held(model)
            except AttestflowError as exc:
                yield Gap(model, "?", "?", "?", problem=exc.message)
                continue
            contents: dict[str, ContentDigest] = {}  # a version may hold several, and is read once
            for each in held:
                for policy in guarding(self.policies, model, each.to):
                    if not enforced_only or policy.mode == "enforce":
                        yield self._gap(model, each.to, each.version, policy, contents, sign=sign)

    def _gap(
        self, model: str, to: str, version: str, policy: Policy, contents: dict[str, ContentDigest], *, sign: bool
    ) -> Gap:
        try:
            if version not in contents:
                contents[version] = self.view.content_of_version(model, version)
            content = contents[version]
            transition = transition_in(self.settings, self.view.workspace, model, to)
            store, verifier = self.settings.open_store(), self.settings.verifier()
            stands = standing(content, transition, policy.name, store, verifier, self.settings.clock())
            if accepted(stands, policy):
                return Gap(model, to, version, policy.name)
            names = dict(zip((each.name for each in self.policies), self.settings.policies, strict=True))
            gate = self.settings.gate(names[policy.name], sign=sign)
            verdict = gate.check(content, name=model, transition=transition, production=content)
            return Gap(model, to, version, policy.name, verdict)
        except AttestflowError as exc:
            return Gap(model, to, version, policy.name, problem=exc.message)


def key(model: str, version: str) -> str:
    """A version as a list of what is done names it."""
    return f"models:/{model}/{version}"
