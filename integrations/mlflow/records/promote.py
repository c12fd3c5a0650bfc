"""Asking a server for what only it can do: promote a version, freeze its files and release them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from attestflow.decisions import Decision, standing
from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError, ConfigurationError, StoreError
from attestflow.integrations.mlflow.records.audit import CONTENT_TAG
from attestflow.integrations.mlflow.records.guarded import all_policies, guarding, transition_in
from attestflow.integrations.mlflow.records.registry_view import RegistryView
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.verdict import Transition, Verdict

FREEZE_TAG = "attestflow.freeze"
_ASKED = "asked"
POLL_SECONDS = 1.0
SKEW = timedelta(minutes=2)  # how far the server's clock and this one may differ


class Refused(AttestflowError):
    """The server's gate said no; `verdict` is what it sent: `findings`, and where a verdict was reached all of it."""

    def __init__(self, message: str, verdict: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Promoted:
    """What came of it: whether it was there `already`, the recorded decision of each policy, and which recorded none.

    `unrecorded` names policies of the settings that guard this and under which no decision stands: the server has no gate.
    """

    already: bool
    guarded_by: tuple[str, ...]
    decisions: tuple[Decision, ...]
    unrecorded: tuple[str, ...]
    content: ContentDigest | None


def promote(view: RegistryView, settings: Settings, model: str, version: str, to: str) -> Promoted:
    """Have the server give `to` (`alias:…`, `stage:…`) to a version, and find the decision that it recorded.

    Raises Refused where its gate denies, ConfigurationError or StoreError where there was no answer.
    """
    policies = guarding(all_policies(settings), model, to)
    asked, already = settings.clock(), _has(view, model, version, to)
    if not already:
        kind, _, name = to.partition(":")
        with _ask(view, f"models:/{model}/{version}") as client:
            if kind == "alias":
                client.set_registered_model_alias(model, name, version)
            else:
                client.transition_model_version_stage(model, version, name)
    if not policies:
        return Promoted(already, (), (), (), None)
    transition = transition_in(settings, view.workspace, model, to)
    content = _noted(view, model, version)
    found = [] if content is None else _decisions(settings, transition, policies, content)
    if already or any(each is None or each.time < asked - SKEW for each in found) or not found:
        # What the version's tag says may be anybody's word, where no gate decided just now: the bytes themselves, then.
        content = view.content_of_version(model, version)
        found = _decisions(settings, transition, policies, content)
    recorded = tuple(each for each in found if each is not None)
    unrecorded = tuple(policy.name for policy, each in zip(policies, found, strict=True) if each is None)
    return Promoted(already, tuple(each.name for each in policies), recorded, unrecorded, content)


def foresee(view: RegistryView, settings: Settings, model: str, version: str, to: str) -> tuple[Verdict, ...]:
    """What each policy that guards it would say now; nothing is signed, stored or changed. Empty where nothing guards it.

    Raises ConfigurationError and StoreError as RegistryView.fetch.
    """
    policies = guarding(all_policies(settings), model, to)
    if not policies:
        return ()
    content, production = view.content_of_version(model, version), view.content_of(model, to)
    transition = transition_in(settings, view.workspace, model, to)
    gates = [settings.gate(name, sign=False) for name in settings.policies]
    return tuple(
        gate.check(content, name=model, transition=transition, production=production)
        for gate in gates
        if gate.policy in policies
    )


def freeze(
    view: RegistryView, model: str, version: str, *, waiting: Callable[[str], None], poll: float = POLL_SECONDS
) -> tuple[ContentDigest, str]:
    """Have the server freeze a version's files and digest them; their digest, and since when they are frozen.

    `waiting` is told what the server says while it reads. Raises Refused where it does not, ConfigurationError where it
    has no gate.
    """
    with _ask(view, f"models:/{model}/{version}") as client:
        client.set_model_version_tag(model, version, FREEZE_TAG, _ASKED)
    while True:
        tags = view.tags(model, version)
        said = tags.get(FREEZE_TAG, "")
        if said == _ASKED:
            with _ask(view, f"models:/{model}/{version}") as client:
                client.delete_model_version_tag(model, version, FREEZE_TAG)
            raise ConfigurationError(
                f"the server at {shown(view.uri)} has no gate: it freezes nothing",
                hint="start it with --registry-store-uri attestflow:<db-uri>",
            )
        if said.startswith("failed: "):
            raise StoreError(f"the server does not freeze it: {escaped(said.removeprefix('failed: '))}")
        if said.startswith("since "):
            return ContentDigest.parse(tags.get(CONTENT_TAG, "")), said.removeprefix("since ")
        if not said.startswith("reading "):
            raise StoreError(
                f"the server does not say that it freezes {shown(f'models:/{model}/{version}')}",
                retryable=True,
                hint="somebody released it meanwhile, perhaps: ask again",
            )
        waiting(said)
        time.sleep(poll)


def release(view: RegistryView, model: str, version: str) -> None:
    """Have the server release a version's files. Raises Refused while any version with them holds what is guarded."""
    with _ask(view, f"models:/{model}/{version}") as client:
        client.delete_model_version_tag(model, version, FREEZE_TAG)


@contextmanager
def _ask(view: RegistryView, about: str) -> Iterator[Any]:
    """A client whose refusals by a gate are Refused."""
    with view.client(about) as client, warnings.catch_warnings():
        from mlflow.exceptions import MlflowException

        warnings.simplefilter("ignore", FutureWarning)  # stages: MLflow would rather have aliases
        try:
            yield client
        except MlflowException as exc:
            verdict = (getattr(exc, "json", None) or {}).get("attestflow")
            if isinstance(verdict, Mapping):
                raise Refused(str(exc.message), verdict) from None
            raise


def _has(view: RegistryView, model: str, version: str, to: str) -> bool:
    return any(each.to == to and int(each.version) == int(version) for each in view.held(model))


def _decisions(
    settings: Settings, transition: Transition, policies: tuple[Policy, ...], content: ContentDigest
) -> list[Decision | None]:
    """For each policy the decision that let these bytes through, None where none stands."""
    store, verifier = settings.open_store(), settings.verifier()
    stands = [standing(content, transition, each.name, store, verifier, settings.clock()) for each in policies]
    return [each.decision if each.decision is not None and each.decision.allowed else None for each in stands]


def _noted(view: RegistryView, model: str, version: str) -> ContentDigest | None:
    """The digest that stands in the version's tag."""
    try:
        return ContentDigest.parse(view.tags(model, version).get(CONTENT_TAG, ""))
    except ConfigurationError:
        return None
