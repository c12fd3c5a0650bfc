"""The decision behind each promotion: which policies guard it, which bytes it is about, what they say."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError, ConfigurationError, PromotionBlocked
from attestflow.integrations.mlflow.location import (
    Versions,
    artifact_root,
    followed,
    knows_destination,
    stored_path,
)
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.verdict import Transition, Verdict

log = logging.getLogger("mlflow.attestflow")  # below MLflow's own, so that it stands in the server's log


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: `version` of `model`, whose files lie at `location`, is to get `to`; `held` has it now.

    `version` is 0 for one that is about to be created; `held` are the versions that `to` names, the newest first;
    `workspace` is None where the server has none, or for its default one; `actor` is whom MLflow authenticated.
    """

    model: str
    version: int
    to: str
    location: str
    held: tuple[int, ...]
    workspace: str | None = None
    actor: str | None = None

    def __str__(self) -> str:
        version = f" version {self.version}" if self.version else ", a new version,"
        return f"{shown(self.model)}{version} to {shown(self.to)}"


class Refusal(Exception):
    """A promotion that does not happen: what people read, and the verdict as JSON values for programs."""

    def __init__(self, message: str, verdict: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.message = message
        self.verdict = verdict


class Promotions:
    """Asks the gate, for one registry, under every policy that the settings name.

    Settings, trust root and policies are read again at each call: an edit counts at once, and a broken one denies.
    """

    def __init__(self, load: Callable[[], Settings] = Settings.load) -> None:
        self._load = load
        self._last_good: Mapping[str, Policy] = {}

    def check_start(self) -> None:
        """What a server can know before it serves: ConfigurationError when nothing would be guarded or nothing could pass."""
        settings = self._load()
        settings.open_store()
        settings.verifier()
        policies = self._policies(settings)
        for name in policies:
            settings.gate(name)
        if not any(policy.protections for policy in policies.values()):
            raise ConfigurationError(
                "no policy protects anything, so this gate would guard nothing",
                hint="name models with aliases or stages under `protects` in a policy, and sign it",
            )
        if knows_destination():
            artifact_root()

    def guards(self, model: str, to: str) -> bool:
        """Whether a policy guards this; also when that cannot be known."""
        try:
            return _guarding(self._policies(self._load()), model, to)
        except Exception:
            log.exception("attestflow: the policies cannot be read, so everything counts as guarded")
            return True

    def guards_creation(self, model: str) -> bool:
        """Whether to create a version of `model` is to promote it: it becomes `latest` by that.

        Where the policies cannot be read, those that could be read last say so: a policy that expired stops every
        promotion, but not every training job.
        """
        try:
            return _guarding(self._policies(self._load()), model, "alias:latest")
        except Exception:
            log.exception(
                "attestflow: the policies cannot be read; what they said last says whether `latest` is guarded"
            )
            return not self._last_good or _guarding(self._last_good, model, "alias:latest")

    def covers(self, model: str) -> bool:
        """Whether anything of `model` is guarded; also when that cannot be known."""
        try:
            policies = self._policies(self._load())
            return any(each.covers_model(model) for policy in policies.values() for each in policy.protections)
        except Exception:
            log.exception("attestflow: the policies cannot be read, so everything counts as guarded")
            return True

    def enforce(self, versions: Versions, request: Request) -> None:
        """Return if every policy that guards this lets the version pass; raise Refusal otherwise, and whatever goes wrong."""
        try:
            settings = self._load()
            guarding = [
                name for name, policy in self._policies(settings).items() if policy.protects(request.model, request.to)
            ]
            if guarding:
                self._decide(settings, guarding, versions, request)
        except PromotionBlocked as blocked:
            log.warning("attestflow: refused %s, asked by %s: %s", request, _actor(request), escaped(blocked.message))
            raise Refusal(_words(blocked.verdict, request), blocked.verdict.to_json()) from None
        except AttestflowError as exc:
            log.exception("attestflow: refused %s, asked by %s: it could not be decided", request, _actor(request))
            raise _undecided(request, exc.message, exc.hint) from None
        except Exception as exc:
            log.exception("attestflow: refused %s, asked by %s: it could not be decided", request, _actor(request))
            raise _undecided(request, f"{type(exc).__name__}; the server's log says more", None) from None

    @staticmethod
    def _decide(settings: Settings, guarding: list[str], versions: Versions, request: Request) -> None:
        root = artifact_root()

        def content(location: str) -> ContentDigest:
            path = stored_path(followed(location, versions), root)
            return measure(path, name=request.model, algorithms=("sha256",)).content

        subject, production = content(request.location), None
        if request.held:
            try:
                production = content(versions.get_model_version_download_uri(request.model, request.held[0]))
            except AttestflowError as exc:
                raise ConfigurationError(
                    f"what is there now (version {request.held[0]}) cannot be read: {exc.message}",
                    hint="take the alias or stage away from it first; that is always allowed",
                ) from None
        registry = f"{settings.registry}/{request.workspace}" if request.workspace else settings.registry
        transition = Transition.parse(registry, request.model, request.to)
        for name in guarding:
            verdict = settings.gate(name).enforce(
                subject, name=request.model, transition=transition, production=production
            )
            said = (
                "passed" if verdict.passed else f"would be denied, and {name} only warns:\n{_words(verdict, request)}"
            )
            log.info("attestflow: %s, asked by %s: %s", request, _actor(request), said)

    def _policies(self, settings: Settings) -> Mapping[str, Policy]:
        if not settings.policies:
            raise ConfigurationError("the settings name no policy", hint="add one under [policies]")
        self._last_good = {name: settings.policy(name) for name in settings.policies}
        return self._last_good


def _guarding(policies: Mapping[str, Policy], model: str, to: str) -> bool:
    return any(policy.protects(model, to) for policy in policies.values())


def _actor(request: Request) -> str:
    return shown(request.actor) if request.actor else "somebody"


def _words(verdict: Verdict, request: Request) -> str:
    lines = [f"attestflow blocked {request} (policy {verdict.policy_name}):"]
    for finding in verdict.denials:
        lines.append(f"- {finding.rule}: {finding.message}")
        if finding.hint:
            lines.append(f"  hint: {finding.hint}")
    if request.version:
        target = shlex.quote(f"models:/{request.model}/{request.version}")
        asked = f"--for {shlex.quote(f'models:/{request.model}')} --to {shlex.quote(request.to.removeprefix('alias:'))}"
        lines.append(f"all findings: attestflow check {target} {asked}")
    return "\n".join(escaped(line) for line in lines)


def _undecided(request: Request, reason: str, hint: str | None) -> Refusal:
    lines = [f"attestflow blocked {request}: it could not be decided.", f"- {escaped(reason)}"]
    if hint:
        lines.append(f"  hint: {escaped(hint)}")
    return Refusal("\n".join(lines), refused(reason, hint))


def refused(reason: str, hint: str | None = None) -> dict[str, Any]:
    """A refusal without a verdict, in the shape of one."""
    finding: dict[str, Any] = {
        "rule": "gate",
        "outcome": "denied",
        "message": reason,
        "hint": hint,
        "subject": None,
        "evidence": [],
    }
    return {"result": "denied", "enforced": True, "findings": [finding]}
