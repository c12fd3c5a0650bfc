"""An MLflow run as SLSA provenance of the model that it logged. All of it is what the trainer says of itself."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attestflow.clock import format_time
from attestflow.documents import canonical_json, parse_yaml
from attestflow.errors import SubjectError
from attestflow.integrations.mlflow.registration.candidate import Candidate
from attestflow.integrations.mlflow.registration.hostile import allowed, name_of, public_text
from attestflow.integrations.mlflow.registration.measured_file import read_measured
from attestflow.integrations.mlflow.registration.run_datasets import dataset_inputs
from attestflow.mlbom.installed import parse_requirements
from attestflow.predicates.provenance import BUILD_TYPE_TRAINING, Provenance
from attestflow.subject import ResourceDescriptor

if TYPE_CHECKING:
    from attestflow.attest import Attester

BUILDER = "https://attestflow.dev/builders/mlflow"
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CONDA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(,? ?[=<>!~]{1,2} ?[A-Za-z0-9_.*+-]+)*")
_MAX_FILE = 256 * 1024
_MAX_PACKAGES = 1000
_MAX_PACKAGE = 250
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def training_provenance(seen: Candidate, attester: Attester) -> Provenance:
    """SLSA provenance v1 of the run that logged `seen`, which has one.

    Parameters are external parameters, metrics a byproduct, the git commit and the data sets resolved dependencies, the
    environment (the model's own requirements) an internal parameter; `leftOut` counts what is not repeated here.
    """
    run = seen.run
    assert run is not None
    now = attester.clock()
    parameters, parameters_left = allowed(run.data.params)
    metrics, metrics_left = allowed({name: value for name, value in run.data.metrics.items() if math.isfinite(value)})
    metrics_left += sum(not math.isfinite(value) for value in run.data.metrics.values())
    datasets, datasets_left = dataset_inputs(run.inputs.dataset_inputs if run.inputs else [], attester)
    left_out = {"parameters": parameters_left, "metrics": metrics_left, "datasets": datasets_left}
    external = {
        "run": run.info.run_id,
        "experiment": name_of(str(run.info.experiment_id), "unknown"),
        "parameters": parameters,
        "leftOut": {kind: count for kind, count in left_out.items() if count},
    }
    started, ended = _time(run.info.start_time, now), _time(run.info.end_time, now) or now
    return Provenance(
        build_type=BUILD_TYPE_TRAINING,
        external_parameters={key: value for key, value in external.items() if value != {} or key == "parameters"},
        internal_parameters={"environment": _environment(seen)},
        inputs=(*_code(run.data.tags), *datasets),
        builder_id=BUILDER,
        invocation_id=run.info.run_id,
        started_on=format_time(started) if started and started <= ended else None,
        finished_on=format_time(ended),
        byproducts=_byproducts(metrics),
    )


def _code(tags: Mapping[str, str]) -> tuple[ResourceDescriptor, ...]:
    """The git commit that MLflow recorded, and whether the work tree was dirty where it says so."""
    commit = str(tags.get("mlflow.source.git.commit", "")).lower()
    if not _COMMIT.fullmatch(commit):
        return ()
    repository = public_text(str(tags.get("mlflow.source.git.repoURL", "")))
    uri = f"git+{repository}" if re.fullmatch(r"(https?|ssh|git)://[!-~]{1,1000}", repository) else None
    dirty = {"true": True, "false": False}.get(str(tags.get("mlflow.source.git.dirty", "")).lower())
    notes = {} if dirty is None else {"dirty": dirty}
    return (ResourceDescriptor(name="source code", uri=uri, digest={"gitCommit": commit}, annotations=notes),)


def _byproducts(metrics: Mapping[str, float]) -> tuple[ResourceDescriptor, ...]:
    if not metrics:
        return ()
    digest = {"sha256": hashlib.sha256(canonical_json(dict(metrics))).hexdigest()}
    return (ResourceDescriptor("metrics", None, digest, "application/json", annotations=dict(metrics)),)


def _time(milliseconds: Any, now: datetime) -> datetime | None:
    """A run's time, None where the server says none that can be true."""
    try:
        found = datetime.fromtimestamp(int(milliseconds) // 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return found if _EARLIEST < found <= now + timedelta(minutes=1) else None


def _environment(seen: Candidate) -> dict[str, Any]:
    """Python's version and the packages that the model's own files ask for; names and versions alone, no indexes, no URLs."""
    python = next(
        (each.values["python_version"] for each in seen.mlmodel.flavours if "python_version" in each.values), None
    )
    found: dict[str, Any] = {"python": name_of(python, "")} if python else {}
    requirements = read_measured(seen.path, seen.stored, "requirements.txt", max_bytes=_MAX_FILE)
    if requirements is not None:
        stated = [public_text(str(each)) for each in parse_requirements(requirements)]
        found["requirements"] = [each for each in stated if name_of(each, "") == each][:_MAX_PACKAGES]
    conda = _conda(read_measured(seen.path, seen.stored, "conda.yaml", max_bytes=_MAX_FILE))
    if conda:
        found["conda"] = conda
    return found


def _conda(data: bytes | None) -> list[str]:
    """The plain dependencies of a conda.yaml; pip's stand in requirements.txt, and channels may hold tokens."""
    try:
        document = parse_yaml(data or b"", "conda.yaml", error=SubjectError)
    except SubjectError:
        return []
    stated = document.get("dependencies") if isinstance(document, dict) else None
    texts = [each for each in stated if isinstance(each, str)] if isinstance(stated, list) else []
    return [each for each in texts if len(each) <= _MAX_PACKAGE and _CONDA.fullmatch(each)][:_MAX_PACKAGES]
