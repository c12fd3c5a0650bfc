"""What a client asks the gate for by a version's reserved tags: freeze its files, release them, look at its papers.

MLflow has no endpoint for it, and a tag is what every client can set: `attestflow.freeze` freezes and digests a version's
files, deleting it releases them; `attestflow.papers` has the gate look at the evidence and note what it found.
"""

from __future__ import annotations

import logging
import threading
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from attestflow.clock import format_time, utc_now
from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.integrations.mlflow.server import notices
from attestflow.integrations.mlflow.server.destination import Destination
from attestflow.integrations.mlflow.server.frozen import overlap
from attestflow.integrations.mlflow.server.location import followed, stored_path
from attestflow.integrations.mlflow.server.notices import FREEZE
from attestflow.integrations.mlflow.server.promotion import frozen_as
from attestflow.integrations.mlflow.server.refusal import LOGGER, Refusal, denied
from attestflow.settings import Settings
from attestflow.verify import verify_digest

PAPERS = "attestflow.papers"
COMMANDS = frozenset({FREEZE, PAPERS})
ANSWER_SECONDS = 20.0  # a client is answered after that; a big model is read on, and the tag says when it is done
log = logging.getLogger(LOGGER)


@dataclass(slots=True)
class _Job:
    """One reading of a version's files."""

    store: Any
    command: str
    name: str
    version: Any
    path: str
    error: Refusal | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read, freeze where asked, and note what was found; an error is kept for who still waits, and noted."""
        try:
            self._work()
        except Exception as exc:
            reason, hint = _reason(exc)
            log.warning("attestflow: %s of %s %s: %s", self.command, shown(self.name), self.version, escaped(reason))
            self.error = denied(reason, hint)
            if self.command == FREEZE:
                notices.quietly(self.store.note, self.name, self.version, {FREEZE: f"failed: {escaped(reason)}"[:500]})
        finally:
            self.done.set()

    def _work(self) -> None:
        settings: Settings = self.store.promotions.settings()
        freezes, destination = self.store.freezes, Destination.of_this_server()
        freeze = freezes.find(self.path)
        content = freeze.content if freeze else None
        if content is None:
            content = destination.measure(self.path, self.name)
            if self.command == FREEZE:
                _require_attested(settings, content)
                freeze = frozen_as(freezes, destination, self.path, content, self.name)
        told = notices.papers(settings, content)
        if freeze is not None and freeze.content is not None:
            told[FREEZE] = notices.frozen_since(freeze)
        self.store.note(self.name, self.version, told)


def obey(store: Any, command: str, name: str, version: Any) -> None:
    """Do what a reserved tag asks for. Raises Refusal; returns early where reading takes long, and the tags say the rest."""
    job = _Job(store, command, name, version, _path(store, name, version))
    context = copy_context()
    threading.Thread(target=context.run, args=(job.run,), name="attestflow", daemon=True).start()
    if not job.done.wait(ANSWER_SECONDS):
        if command == FREEZE:
            store.note(name, version, {FREEZE: f"reading since {format_time(utc_now())}"})
    elif job.error is not None:
        raise job.error


def release(store: Any, name: str, version: Any) -> None:
    """Free the files of a version. Raises Refusal while any version with those files holds a guarded alias or stage."""
    path = _path(store, name, version)
    with store.ManagedSessionMaker(read_only=False) as session:
        store.freezes.release(session, path)  # locks the row: a promotion of these files waits, or this one does
        for owner, to, theirs in store.guarded_holders(session):
            if overlap(theirs, path):
                raise denied(
                    f"the files of {shown(name)} version {version} stay frozen: {shown(owner)} holds {shown(to)}",
                    "take the alias or stage away from it first; that is always allowed",
                )
    notices.quietly(store.note, name, version, {FREEZE: None})


def _require_attested(settings: Settings, content: ContentDigest) -> None:
    """Freezing is for what a functionary attested: anything else would let anybody freeze anything."""
    if not verify_digest(content, settings.open_store(), settings.verifier()).accepted:
        raise ConfigurationError(
            "no functionary attested these files, so they are not frozen", hint="attest the model first"
        )


def _path(store: Any, name: str, version: Any) -> str:
    location = store.get_model_version_download_uri(name, version)
    try:
        return stored_path(followed(location, store))
    except AttestflowError as exc:
        raise denied(exc.message, exc.hint) from None


def _reason(exc: Exception) -> tuple[str, str | None]:
    if isinstance(exc, AttestflowError):
        return exc.message, exc.hint
    log.exception("attestflow: a version's files could not be read")
    return f"{type(exc).__name__}; the server's log says more", None
