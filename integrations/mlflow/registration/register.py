"""Registering a model with its papers: what was trained and by which run, which bytes the registry holds, a signed ML-BOM."""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestflow.attest import Attester
from attestflow.digest import ContentDigest
from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError, ConfigurationError, DigestMismatch, StoreError
from attestflow.integrations.mlflow.quiet import quiet_progress
from attestflow.integrations.mlflow.registration import ui_notes
from attestflow.integrations.mlflow.registration.added import differing
from attestflow.integrations.mlflow.registration.candidate import Candidate, Showing, look_at, silent
from attestflow.integrations.mlflow.registration.papers import Draft, Paper, sign_registered, sign_trained
from attestflow.integrations.mlflow.registration.signing_setup import Signing
from attestflow.integrations.mlflow.registration.versions import answered, version_of
from attestflow.integrations.mlflow.resolve import ALIAS, VERSION, asking, client_for, fetch, underlying
from attestflow.subject import measure


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version in the registry: `uri` is `models:/name/version`, the rest are the identities of its attestations.

    `training` is the provenance of the run that trained it, None where no run is known (`note` says why); `oms` is its OMS
    signature, None where none was asked for.
    """

    name: str
    version: str
    uri: str
    content: ContentDigest
    attestation: str
    ml_bom: str
    training: str | None = None
    oms: str | None = None
    note: str | None = None


def register(
    model_uri: str,
    name: str | None = None,
    *,
    attester: Attester | None = None,
    tracking_uri: str | None = None,
    expected: ContentDigest | None = None,
    oms: bool | None = None,
    progress: Showing = silent,
) -> RegisteredVersion:
    """Register `model_uri` (`models:/m-…` or `runs:/…`) as `name`, or give papers to a version that exists (`models:/churn/3`).

    Without an `attester` the settings' one signs, as the role in ATTESTFLOW_MLFLOW_ROLE or `pipeline`. Safe to try again: a
    version of this very model is used and not made twice, and what this key signed about it is not signed twice. Raises
    DigestMismatch when the bytes are not `expected` (what training attested), or change on the way by more than the file
    that MLflow adds; where it fails after the version exists, the error says so.
    """
    signing = Signing.configured(tracking_uri, attester=attester, oms=oms)
    exists = _existing(model_uri, name, tracking_uri)
    if exists is None and not name:
        raise ConfigurationError(
            f"{shown(model_uri)} needs a name to be registered under", hint="give name=…; on the command line, --name"
        )
    source, run_id = (str(exists.source), exists.run_id or None) if exists is not None else (model_uri, None)
    title = str(exists.name) if exists is not None else str(name)
    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        seen = look_at(
            source,
            title,
            Path(folder, "trained"),
            tracking_uri=tracking_uri,
            run_id=run_id,
            expected=expected,
            progress=progress,
        )
        draft = sign_trained(signing.attester, seen, title, with_oms=signing.oms)
        version = str(exists.version) if exists is not None else version_of(seen, title, tracking_uri)
        return finish(signing, seen, draft, title, version)


def finish(signing: Signing, seen: Candidate, draft: Draft, name: str, version: str) -> RegisteredVersion:
    """Sign what is left about a version that exists, and show it in MLflow's pages; errors say that it exists."""
    uri = f"models:/{name}/{version}"
    try:
        _require_same(seen, uri, signing.tracking_uri)
        content, bom = sign_registered(signing.attester, seen, draft, version, uri)
    except DigestMismatch:
        raise  # signing again would not mend it
    except AttestflowError as exc:
        mend = f"`attestflow register {escaped(shlex.quote(uri))}`"
        exc.message = f"{shown(uri)} is registered, but not all of its papers are signed: {exc.message}"
        exc.hint = f"{exc.hint}; then {mend}" if exc.hint else f"mend that, then {mend}"
        raise
    _tell(signing, seen, name, version, bom, draft)
    return RegisteredVersion(
        name,
        version,
        uri,
        seen.stored.content,
        content.identity,
        bom.identity,
        draft.training.identity if draft.training else None,
        draft.oms.identity if draft.oms else None,
        None if draft.training else seen.no_run,
    )


def _existing(model_uri: str, name: str | None, tracking_uri: str | None) -> Any:
    """The version that the URI names, None for a URI of a model that is no version yet."""
    found = VERSION.fullmatch(model_uri) or ALIAS.fullmatch(model_uri)
    if found is None:
        return None
    if name not in (None, found[1]):
        raise ConfigurationError(
            f"{shown(model_uri)} is a version of {shown(found[1])}, not of {shown(name)}",
            hint="copy it with MLflow (`copy_model_version`), then `attestflow register` the copy",
        )
    with asking(model_uri):
        client = client_for(tracking_uri)
        if ALIAS.fullmatch(model_uri):
            made = client.get_model_version_by_alias(found[1], found[2])
        else:
            made = client.get_model_version(found[1], found[2])
    number = answered(made, found[1])
    if VERSION.fullmatch(model_uri) and int(number) != int(found[2]):
        raise StoreError(f"MLflow was asked for {shown(model_uri)} and answered with version {shown(number)}")
    return made


def _require_same(seen: Candidate, uri: str, tracking_uri: str | None) -> None:
    """DigestMismatch unless the version holds what was measured: it lies at the same place, or the bytes are the same."""
    with asking(uri):
        location = underlying(uri, tracking_uri)
    if location == seen.location:
        return
    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        held = measure(fetch(uri, Path(folder), tracking_uri), name=seen.stored.name)
    if held.content != seen.stored.content:
        which = differing(seen.stored, held)
        raise DigestMismatch(
            f"{shown(uri)} is registered, and holds {held.content}, not {seen.stored.content} as it was trained"
            + (f": {which}" if which else ""),
            hint="delete that version and find out who made it another one",
        )


def _tell(signing: Signing, seen: Candidate, name: str, version: str, bom: Paper, draft: Draft) -> None:
    """Show the papers in MLflow's own pages."""
    tags = {ui_notes.CONTENT: str(seen.stored.content), ui_notes.ML_BOM: bom.identity}
    documents = {ui_notes.ML_BOM_FILE: ui_notes.readable(bom.statement.predicate)}
    if draft.training is not None:
        documents[ui_notes.PROVENANCE_FILE] = draft.training.statement.payload
    if draft.oms is not None:
        documents[ui_notes.OMS_FILE] = draft.oms.bundle.raw
    with quiet_progress():
        client = client_for(signing.tracking_uri)
        if seen.run is not None:
            ui_notes.tell_run(client, seen.run.info.run_id, documents, tags)
        ui_notes.tell_version(client, name, version, tags)
