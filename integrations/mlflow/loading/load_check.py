"""Are these the bytes that were attested, and did a gate decide that they are what the URI calls them?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attestflow.decisions import standing
from attestflow.errors import ConfigurationError, DigestMismatch
from attestflow.integrations.mlflow.records.guarded import accepted, all_policies, guarding, transition_in, words
from attestflow.integrations.mlflow.registration.added import META_FILE, without_meta
from attestflow.settings import Settings
from attestflow.store.interface import Store
from attestflow.subject import Measurement, measure
from attestflow.verification.verifier import Verifier
from attestflow.verify import Answer, verify_content


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be loaded: its URI, and what that names: registered model, `alias:…` or `stage:…`, workspace."""

    uri: str
    model: str | None = None
    to: str | None = None
    workspace: str | None = None
    is_model: bool = True


def check(asked: Asked, path: Path, settings: Settings) -> Iterator[str]:
    """What to warn of about the bytes at `path`; the file that MLflow may have added to them is removed.

    Raises AttestflowError where no functionary attested these bytes, or the URI names an alias or stage that a policy
    guards and no decision stands that these bytes are to have it; and whenever that cannot be known.
    """
    store, verifier = settings.open_store(), settings.verifier()
    measured = _attested(asked, path, store, verifier)
    if asked.model is None or asked.to is None:
        return
    transition = transition_in(settings, asked.workspace, asked.model, asked.to)
    for policy in guarding(all_policies(settings), asked.model, asked.to):
        found = standing(measured.content, transition, policy.name, store, verifier, settings.clock())
        if found.state == "passed":
            continue
        said = f"{transition.to} of {transition.model} names {measured.content}: {words(found, policy)}"
        if not accepted(found, policy) and policy.mode == "enforce":
            raise DigestMismatch(
                said, hint=f"promote it through the gate (attestflow promote), or see `attestflow history {asked.uri}`"
            )
        yield said


def _attested(asked: Asked, path: Path, store: Store, verifier: Verifier) -> Measurement:
    measured = measure(path, name=asked.model, algorithms=("sha256",))
    answer = verify_content(measured, store, verifier)
    if _counts(answer, asked):
        return measured
    stripped = without_meta(measured, path, lambda name, version: True)  # it goes, whatever version it names
    if stripped is not measured and _counts(verify_content(stripped, store, verifier), asked):
        (path / META_FILE).unlink()
        return stripped
    raise _unknown(answer, asked)


def _counts(answer: Answer, asked: Asked) -> bool:
    """Whether a functionary attested these bytes; as a model, where they are one."""
    kinds = {item.statement.subjects[0].annotations.get("kind") for item in answer.accepted}
    return bool(answer.accepted) and (not asked.is_model or "model" in kinds)


def _unknown(answer: Answer, asked: Asked) -> ConfigurationError | DigestMismatch:
    if answer.accepted:
        return DigestMismatch(
            f"these bytes ({answer.content}) were attested, but not as a model", hint="attestflow attest model TARGET"
        )
    if answer.rejected:
        why = "; ".join(sorted({item.reason for item in answer.rejected}))[:500]
        return DigestMismatch(
            f"what attests these bytes ({answer.content}) does not hold: {why}",
            hint=f"attestflow show {asked.uri}",
        )
    changed = ""
    diff = answer.explanation.diff if answer.explanation else None
    if diff is not None:
        names = [f"{name} changed" for name, _, _ in diff.changed] + [f"{name} was added" for name in diff.added]
        names += [f"{name} is missing" for name in diff.removed]
        changed = f"; since the last attested one of that name: {', '.join(names[:5])}"
    return DigestMismatch(
        f"no functionary attested these bytes ({answer.content}){changed}",
        hint=f"put the attested files back, or attest these if they are meant: attestflow attest model {asked.uri}",
    )
