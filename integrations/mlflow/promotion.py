"""The decision behind each promotion: which policies guard it, which bytes it is about, what they say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError, ConfigurationError, PromotionBlocked
from attestflow.integrations.mlflow.location import artifact_root, stored_path
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.verdict import Transition, Verdict

log = logging.getLogger("attestflow.mlflow")


class Registry(Protocol):
    """What the decision asks of MLflow's registry store."""

    def get_model_version_download_uri(self, name: str, version: Any) -> str: ...

    def versions_at(self, name: str, to: str) -> list[int]:
        """The versions that an alias or stage names now, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """A promotion that does not happen: what people read, and the verdict for programs (None: none was reached)."""

    message: str
    verdict: Verdict | None


class Promotions:
    """Asks the gate, for one registry, under every policy that the settings name.

    Settings, trust root and policies are read again at each call: an edit counts at once, and a broken one denies.
    """

    def __init__(self, load: Callable[[], Settings] = Settings.load) -> None:
        self._load = load

    def check_start(self) -> None:
        """What a server can know before it serves: ConfigurationError when nothing would be guarded or nothing could pass.

        Where its artifacts lie it knows only in its workers, so that is looked at in each decision.
        """
        settings = self._load()
        settings.open_store()
        settings.verifier()
        policies = self._policies(settings)
        if not any(policy.protections for policy in policies.values()):
            raise ConfigurationError(
                "no policy protects anything, so this gate would guard nothing",
                hint="name models with aliases or stages under `protects` in a policy, and sign it",
            )

    def guards(self, model: str, to: str) -> bool:
        """Whether a policy guards this; also when that cannot be known."""
        try:
            return any(policy.protects(model, to) for policy in self._policies(self._load()).values())
        except AttestflowError:
            log.exception("the gate's policies cannot be read: everything counts as guarded")
            return True

    def enforce(self, registry: Registry, model: str, version: int, to: str) -> None:
        """Return if every policy that guards `model` getting `to` lets this version pass; raise Refusal otherwise."""
        try:
            settings = self._load()
            guarding = [name for name, policy in self._policies(settings).items() if policy.protects(model, to)]
            if not guarding:
                return
            root = artifact_root()
            content = _content(registry, model, version, root)
            production = _production(registry, model, to, root)
            transition = Transition.parse(settings.registry, model, to)
            for name in guarding:
                gate = settings.gate(name)
                verdict = gate.enforce(content, name=model, transition=transition, production=production)
                if not verdict.passed:
                    log.warning(
                        "policy %s only warns; it would have denied %s", name, escaped(_words(verdict, version))
                    )
        except PromotionBlocked as blocked:
            raise Refusal(_words(blocked.verdict, version), blocked.verdict) from None
        except AttestflowError as exc:
            log.exception("a promotion could not be decided")
            raise Refusal(_undecided(model, version, to, exc.message, exc.hint), None) from None
        except Exception as exc:
            log.exception("a promotion could not be decided")
            reason = f"{type(exc).__name__}; the server's log says more"
            raise Refusal(_undecided(model, version, to, reason, None), None) from None

    @staticmethod
    def _policies(settings: Settings) -> dict[str, Policy]:
        if not settings.policies:
            raise ConfigurationError("the settings name no policy", hint="add one under [policies]")
        return {name: settings.policy(name) for name in settings.policies}


def _content(registry: Registry, model: str, version: int, root: Any) -> ContentDigest:
    location = registry.get_model_version_download_uri(model, version)
    return measure(stored_path(location, root), name=_subject_name(model), algorithms=("sha256",)).content


def _production(registry: Registry, model: str, to: str, root: Any) -> ContentDigest | None:
    versions = registry.versions_at(model, to)
    if not versions:
        return None
    try:
        return _content(registry, model, versions[0], root)
    except AttestflowError as exc:
        raise ConfigurationError(
            f"what is in production now (version {versions[0]}) cannot be read: {exc.message}",
            hint="take the alias or stage away from it first; that is always allowed",
        ) from None


def _subject_name(model: str) -> str:
    """A registered model's name as a subject's: a name without slashes."""
    return model.replace("/", "_")


def _words(verdict: Verdict, version: int) -> str:
    transition = verdict.transition
    asked = f"{transition.model} version {version} to {transition.to}" if transition else f"version {version}"
    lines = [f"attestflow blocked the promotion of {asked} (policy {verdict.policy_name}):"]
    for finding in verdict.denials:
        lines.append(f"- {finding.rule}: {finding.message}")
        if finding.hint:
            lines.append(f"  hint: {finding.hint}")
    return "\n".join(escaped(line) for line in lines)


def _undecided(model: str, version: int, to: str, reason: str, hint: str | None) -> str:
    first = (
        f"attestflow blocked the promotion of {shown(model)} version {version} to {shown(to)}: it could not be decided."
    )
    return "\n".join(filter(None, [first, f"- {escaped(reason)}", f"  hint: {escaped(hint)}" if hint else None]))
