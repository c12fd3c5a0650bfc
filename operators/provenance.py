"""SLSA provenance of a task's run, from what Airflow knows about it."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.operators.reference import Attested

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.subject import Measurement, ResourceDescriptor

BUILDER_ID = "https://attestflow.dev/builders/airflow"


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that a task read: what it was handed, and the bytes that were really there."""

    reference: Attested
    measured: Measurement


@dataclass(frozen=True, slots=True)
class Run:
    """One try of one task instance: who ran, when it began, and the CPU seconds that its process had used by then."""

    dag: str
    task: str
    invocation: str
    source: Mapping[str, Any]
    started: datetime
    cpu_seconds: float = 0.0

    @classmethod
    def of(cls, context: Mapping[str, Any], started: datetime) -> Run:
        """From a task's context. The invocation is `dag/run/task[/map index]/try`."""
        instance = context["ti"]
        index = getattr(instance, "map_index", -1)
        parts = [instance.dag_id, instance.run_id, instance.task_id]
        parts += [str(index)] if index is not None and index >= 0 else []
        parts.append(str(instance.try_number))
        return cls(instance.dag_id, instance.task_id, "/".join(parts), _source(context), started, _cpu_seconds())


def attest_provenance(
    attester: Attester,
    run: Run,
    *,
    build_type: str,
    outputs: Sequence[Measurement],
    inputs: Sequence[Input],
    parameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> str:
    """Attest how the outputs came to be (SLSA provenance v1); the attestation's identity.

    The inputs stand in `resolvedDependencies` with the digest that was read, also where another one was handed over.
    """
    from attestflow.clock import format_time
    from attestflow.predicates import provenance

    predicate = provenance.Provenance(
        build_type=build_type,
        external_parameters={"dag": run.dag, "task": run.task, "parameters": dict(parameters or {})},
        internal_parameters={"source": dict(run.source)},
        inputs=tuple(_dependency(each) for each in inputs),
        builder_id=BUILDER_ID,
        invocation_id=run.invocation,
        started_on=format_time(run.started),
        finished_on=format_time(attester.clock()),
        byproducts=(*_numbers("metrics", metrics or {}), *_numbers("resources", _used(run))),
    )
    subjects = [output.descriptor() for output in outputs]
    return attester.attest_predicate(subjects, provenance.PREDICATE_TYPE, predicate.to_json()).identity


def _dependency(read: Input) -> ResourceDescriptor:
    from dataclasses import replace

    return replace(read.measured.descriptor(), uri=read.reference.uri)


def _numbers(name: str, values: Mapping[str, float]) -> tuple[ResourceDescriptor, ...]:
    from attestflow.documents import canonical_json
    from attestflow.subject import ResourceDescriptor

    if not values:
        return ()
    digest = hashlib.sha256(canonical_json(dict(values))).hexdigest()
    return (
        ResourceDescriptor(
            name=name, digest={"sha256": digest}, media_type="application/json", annotations=dict(values)
        ),
    )


def _cpu_seconds() -> float:
    """User and system time of this process and of those that it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _used(run: Run) -> dict[str, float]:
    """What the task's process used, as the rule `resource-use` compares it."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "cpu_seconds": round(_cpu_seconds() - run.cpu_seconds, 1),
        "max_rss_mib": round(max(peaks) / 1024, 1),  # Linux counts in KiB
    }


def _source(context: Mapping[str, Any]) -> dict[str, Any]:
    """The DAG's code: the file's name and digest, and the version of the bundle where Airflow has one (git: the commit)."""
    source: dict[str, Any] = {}
    location = getattr(context.get("dag"), "fileloc", None)
    if location and Path(location).is_file():
        source = {"file": Path(location).name, "sha256": hashlib.sha256(Path(location).read_bytes()).hexdigest()}
    bundle = getattr(context["ti"], "bundle_instance", None)
    if bundle is not None:
        source["bundle"] = str(bundle.name)
        if bundle.version:
            source["commit"] = str(bundle.version)
    return source
