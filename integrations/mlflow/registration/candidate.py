"""What is about to be registered: its files, where they lie, and the run that logged them, each claim held against the others."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import ConfigurationError, DigestMismatch
from attestflow.hashing import Progress
from attestflow.integrations.mlflow.registration.added import differing, without_meta
from attestflow.integrations.mlflow.registration.measured_file import read_measured
from attestflow.integrations.mlflow.resolve import LOGGED, RUN, asking, client_for, fetch, source_of_run, underlying
from attestflow.mlbom.description import text_problem
from attestflow.mlbom.mlflow_model import MLMODEL
from attestflow.mlbom.mlmodel import MAX_BYTES, MLmodel, parse_mlmodel
from attestflow.subject import Measurement, measure

MAX_NAME = 250
Showing = Callable[[str], AbstractContextManager[Progress | None]]
"""From a label to a context that gives a callback for `measure`, or None."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that MLflow stores: `source` is what registration is told, `location` the artifact URI behind it.

    `path` holds its files as they are stored now, `stored` is their measurement and `trained` that of what training wrote;
    the two differ by MLflow's own file or not at all. `run` is the MLflow run that logged it, or `no_run` says why none is
    known.
    """

    source: str
    location: str
    path: Path
    trained: Measurement
    stored: Measurement
    mlmodel: MLmodel
    run: Any | None
    no_run: str | None


def silent(label: str) -> AbstractContextManager[Progress | None]:
    """Shows no progress."""
    return nullcontext()


def look_at(
    source: str,
    name: str,
    folder: Path,
    *,
    tracking_uri: str | None = None,
    run_id: str | None = None,
    local: Path | None = None,
    expected: ContentDigest | None = None,
    progress: Showing = silent,
) -> Candidate:
    """Fetch `source` (`models:/…`, `runs:/…` or an artifact URI) below `folder`, and measure it under `name`.

    `local` holds what was trained where that is still on this machine, `expected` is the digest that training attested;
    `run_id` is the run that the caller says logged it. Raises DigestMismatch where other bytes are stored than were
    trained, ConfigurationError for a run that did not log them and for a name that no paper can carry.
    """
    check_name(name)
    with progress(f"Reading what was trained as {name}") as callback:
        here = measure(local, name=name, progress=callback) if local is not None else None
    with asking(source):
        client = client_for(tracking_uri)
        if run := RUN.fullmatch(source):
            run_id = run_id or run[1]
            source = source_of_run(client, run[1], run[2]) or source
        location = underlying(source, tracking_uri)
    path = fetch(source, folder, tracking_uri)
    with progress(f"Reading {source}") as callback:
        stored = measure(path, name=name, progress=callback)

    def is_same(other: str, version: str) -> bool:
        with asking(f"models:/{other}/{version}"):
            return underlying(f"models:/{other}/{version}", tracking_uri) == location

    trained = _trained(stored, without_meta(stored, path, is_same), here, expected, source)
    mlmodel = _mlmodel(path, stored)
    with asking(source):
        run, no_run = _run(client, source, location, run_id, mlmodel)
    return Candidate(source, location, path, trained, stored, mlmodel, run, no_run)


def check_name(name: str) -> None:
    """ConfigurationError for a registered model's name that cannot stand in a statement or an ML-BOM."""
    problem = text_problem(name, limit=MAX_NAME)
    if problem or "/" in name:
        raise ConfigurationError(
            f"the name {shown(name)} {problem or 'holds a slash'}", hint="register the model under a plain name"
        )


def _trained(
    stored: Measurement,
    stripped: Measurement,
    here: Measurement | None,
    expected: ContentDigest | None,
    source: str,
) -> Measurement:
    """The measurement that training's own one names; DigestMismatch where neither form of what is stored is it."""
    wanted = {each for each in (here.content if here else None, expected) if each is not None}
    if not wanted:
        return stripped
    for found in (stored, stripped):
        if wanted == {found.content}:
            return found
    which = differing(here, stored) if here is not None else ""
    raise DigestMismatch(
        f"{shown(source)} is {stored.content}, not {' or '.join(map(str, sorted(wanted)))} as it was trained: "
        f"it is not registered{': ' + which if which else ''}",
        hint="somebody writes where the artifacts lie, or the model was changed after training; train again",
    )


def _mlmodel(path: Path, stored: Measurement) -> MLmodel:
    data = read_measured(path, stored, MLMODEL, max_bytes=MAX_BYTES)
    if data is None:
        raise ConfigurationError(
            f"there is no file {MLMODEL} in it, so it is no MLflow model",
            hint="register what mlflow.<flavour>.log_model wrote",
        )
    return parse_mlmodel(data)


def _run(
    client: Any, source: str, location: str, claimed: str | None, mlmodel: MLmodel
) -> tuple[Any | None, str | None]:
    """The run that logged the model, or why none is known. Raises ConfigurationError where the caller claims another one.

    The server says which run logged a model and where that run's files lie; the file MLmodel, which the digest binds, says
    it too. Where they do not agree, nothing is said of any run.
    """
    if source.startswith("models:/") and not LOGGED.fullmatch(source):
        return None, "it is a copy of a registered version, which has its own papers"
    logged = LOGGED.fullmatch(source)
    owner = (client.get_logged_model(logged[1]).source_run_id or None) if logged else None
    if claimed and owner and claimed != owner:
        raise ConfigurationError(
            f"{shown(source)} was logged by run {shown(owner)}, not by {shown(claimed)}", hint="leave the run's ID out"
        )
    run_id = owner or claimed
    if run_id is None:
        return None, "MLflow knows no run that logged it"
    run = client.get_run(run_id)
    if run.info.run_id != run_id:
        return None, f"MLflow answered with another run than {shown(run_id)}"
    if owner is None and not _below(location, run.info.artifact_uri):
        raise ConfigurationError(
            f"the files of {shown(source)} do not lie among those of run {shown(run_id)}", hint="leave the run's ID out"
        )
    said_model, said_run = mlmodel.texts.get("model_id"), mlmodel.texts.get("run_id")
    if said_run not in (None, run_id) or (logged and said_model not in (None, logged[1])):
        return None, f"its file {MLMODEL} was written by another run, or for another logged model"
    return run, None


def _below(location: str, folder: str) -> bool:
    """Whether an artifact URI lies in another one, without any way back up, also for who decodes it first."""
    way = posixpath.normpath(location)
    return not {"..", "%"} & {*location.split("/"), *location} and way.startswith(posixpath.normpath(folder) + "/")
