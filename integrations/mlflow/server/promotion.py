"""The decision behind each promotion: which policies guard it, which bytes it is about, what they say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.integrations.mlflow.server.destination import Destination, is_known
from attestflow.integrations.mlflow.server.frozen import Freeze, Freezes
from attestflow.integrations.mlflow.server.location import Versions, followed, stored_path
from attestflow.integrations.mlflow.server.refusal import LOGGER, Refusal, refusing, undecided, words
from attestflow.policy.schema import Policy
from attestflow.settings import VERIFIER_ROLE, Settings
from attestflow.verdict import GATE_RULE, Finding, Transition, Verdict

log = logging.getLogger(LOGGER)


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

    @property
    def asker(self) -> str:
        """Who asks, for the log."""
        return shown(self.actor) if self.actor else "somebody"

    def __str__(self) -> str:
        version = f" version {self.version}" if self.version else ", a new version,"
        return f"{shown(self.model)}{version} to {shown(self.to)}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A guarded request whose files are frozen and digested: what is left is to decide."""

    request: Request
    guarding: tuple[str, ...]
    transition: Transition
    freeze: Freeze
    content: ContentDigest
    production: ContentDigest | None


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
        if VERIFIER_ROLE not in settings.keys:
            raise ConfigurationError(
                "the settings name no verifier's key, so no decision could be recorded",
                hint=f"add it under [keys]: {VERIFIER_ROLE} = … (`attestflow init` makes one)",
            )
        for name in policies:
            settings.gate(name)
        if not any(policy.protections for policy in policies.values()):
            raise ConfigurationError(
                "no policy protects anything, so this gate would guard nothing",
                hint="name models with aliases or stages under `protects` in a policy, and sign it",
            )
        if is_known():
            Destination.of_this_server().check()

    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._load()

    def guard(self) -> Callable[[str, str], bool]:
        """Whether a policy guards (model, alias or stage), for as many as are asked; all, where that cannot be known."""
        try:
            policies = self._policies(self._load())
        except Exception:
            log.exception("attestflow: the policies cannot be read, so everything counts as guarded")
            return lambda model, to: True
        return lambda model, to: _guarding(policies, model, to)

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

    def prepare(self, versions: Versions, freezes: Freezes, request: Request) -> Prepared | None:
        """Freeze and digest what a guarded request is about; None where nothing guards it. Raises Refusal.

        What is frozen already and was digested since is not read again. Anything else is read and judged first, so that
        nobody freezes files by asking in vain, and then frozen and read again.
        """
        with refusing(request):
            settings = self._load()
            policies = self._policies(settings)
            guarding = tuple(name for name, policy in policies.items() if policy.protects(request.model, request.to))
            if not guarding:
                return None
            destination = Destination.of_this_server()
            path = stored_path(followed(request.location, versions))
            production = self._production(destination, versions, freezes, request)
            registry = f"{settings.registry}/{request.workspace}" if request.workspace else settings.registry
            transition = Transition.parse(registry, request.model, request.to)
            freeze = freezes.find(path)
            if freeze is None or freeze.content is None:
                content = destination.measure(path, request.model)
                self._foresee(settings, guarding, content, transition, production, request)
                freeze = frozen_as(freezes, destination, path, content, request.model)
            assert freeze.content is not None
            return Prepared(request, guarding, transition, freeze, freeze.content, production)

    def decide(self, prepared: Prepared) -> tuple[Verdict, ...]:
        """The recorded verdicts of all policies that guard a request, each of which lets it pass. Raises Refusal.

        Called inside the transaction that promotes, so that between the decision and its effect nothing else is written.
        """
        request = prepared.request
        with refusing(request):
            settings, verdicts = self._load(), []
            for name in prepared.guarding:
                gate = settings.gate(name)
                if gate.signer is None:
                    raise ConfigurationError("no verifier's key is named, so the decision cannot be recorded")
                verdict = gate.enforce(
                    prepared.content,
                    name=request.model,
                    transition=prepared.transition,
                    production=prepared.production,
                    actor=request.actor,
                )
                verdicts.append(verdict)
                warned = f"would be denied, and {name} only warns:\n{words(verdict, request)}"
                log.info(
                    "attestflow: %s, asked by %s: %s", request, request.asker, "passed" if verdict.passed else warned
                )
            return tuple(verdicts)

    def overtaken(self, prepared: Prepared) -> Refusal:
        """Record that a promotion was refused because another one, or a release of its files, came before it."""
        request = prepared.request
        finding = Finding(
            GATE_RULE, "denied", "it changed while the gate decided: another promotion came first", "ask again"
        )
        try:
            gate = self._load().gate(prepared.guarding[0])
            verdict = gate.refuse(
                prepared.content,
                finding,
                name=request.model,
                transition=prepared.transition,
                production=prepared.production,
                actor=request.actor,
            )
        except Exception:
            log.exception("attestflow: a refusal of %s could not be recorded", request)
            return undecided(request, finding.message, finding.hint)
        log.warning("attestflow: refused %s, asked by %s: %s", request, request.asker, finding.message)
        return Refusal(words(verdict, request), verdict.to_json())

    def _foresee(
        self,
        settings: Settings,
        guarding: tuple[str, ...],
        content: ContentDigest,
        transition: Transition,
        production: ContentDigest | None,
        request: Request,
    ) -> None:
        """Raise PromotionBlocked, recorded, where a policy would deny what nobody froze yet."""
        for name in guarding:
            unsigned = settings.gate(name, sign=False)
            if not unsigned.check(content, name=request.model, transition=transition, production=production).allowed:
                settings.gate(name).enforce(
                    content, name=request.model, transition=transition, production=production, actor=request.actor
                )

    @staticmethod
    def _production(
        destination: Destination, versions: Versions, freezes: Freezes, request: Request
    ) -> ContentDigest | None:
        if not request.held:
            return None
        try:
            location = versions.get_model_version_download_uri(request.model, request.held[0])
            path = stored_path(followed(location, versions))
            freeze = freezes.find(path)
            if freeze is not None and freeze.content is not None:
                return freeze.content
            return destination.measure(path, request.model)
        except AttestflowError as exc:
            raise ConfigurationError(
                f"what is there now (version {request.held[0]}) cannot be read: {exc.message}",
                hint="take the alias or stage away from it first; that is always allowed",
            ) from None

    def _policies(self, settings: Settings) -> Mapping[str, Policy]:
        if not settings.policies:
            raise ConfigurationError("the settings name no policy", hint="add one under [policies]")
        self._last_good = {name: settings.policy(name) for name in settings.policies}
        return self._last_good


def frozen_as(freezes: Freezes, destination: Destination, path: str, content: ContentDigest, name: str) -> Freeze:
    """Freeze a path at which `content` was read, and read it again. SubjectError where it is something else by now."""
    freeze = freezes.freeze(path)
    try:
        again = destination.measure(path, name)
        if again != content:
            raise ConfigurationError(
                f"the files of {shown(name)} changed while they were read", hint="ask again when nobody writes there"
            )
        return freezes.record(freeze, again)
    except BaseException:
        freezes.drop_unread(freeze)
        raise


def _guarding(policies: Mapping[str, Policy], model: str, to: str) -> bool:
    return any(policy.protects(model, to) for policy in policies.values())
