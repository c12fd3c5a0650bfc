"""SLSA provenance v1: how outputs came to be, and of which inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attestflow.clock import parse_time
from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.statement import PROVENANCE_TYPE, check_type_uri
from attestflow.subject import ResourceDescriptor

PREDICATE_TYPE = PROVENANCE_TYPE

BUILD_TYPE_PREPARATION = "https://attestflow.dev/buildtypes/preparation/v1"
BUILD_TYPE_TRAINING = "https://attestflow.dev/buildtypes/training/v1"
BUILD_TYPE_REGISTRATION = "https://attestflow.dev/buildtypes/mlflow-registration/v1"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a statement's subjects were made (slsa.dev/spec/v1.1/provenance).

    `inputs` are `resolvedDependencies`: what was really read, by digest. The times are RFC 3339 in UTC.
    """

    build_type: str
    external_parameters: Mapping[str, Any]
    builder_id: str
    internal_parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[ResourceDescriptor, ...] = ()
    invocation_id: str | None = None
    started_on: str | None = None
    finished_on: str | None = None
    byproducts: tuple[ResourceDescriptor, ...] = ()

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Provenance:
        """Read the predicate; raises MalformedStatement with the place."""
        build = fields.mapping(predicate, "buildDefinition", where)
        run = fields.mapping(predicate, "runDetails", where)
        in_build, in_run = f"{where}.buildDefinition", f"{where}.runDetails"
        builder = fields.mapping(run, "builder", in_run)
        metadata = fields.optional_mapping(run, "metadata", in_run)
        started, finished = (_time(metadata, name, f"{in_run}.metadata") for name in ("startedOn", "finishedOn"))
        if started and finished and parse_time(finished) < parse_time(started):
            raise MalformedStatement(f"{in_run}.metadata: finished before it started")
        return cls(
            build_type=check_type_uri(build.get("buildType"), f"{in_build}.buildType"),
            external_parameters=fields.mapping(build, "externalParameters", in_build),
            builder_id=check_type_uri(builder.get("id"), f"{in_run}.builder.id"),
            internal_parameters=fields.optional_mapping(build, "internalParameters", in_build),
            inputs=fields.descriptors(build, "resolvedDependencies", in_build),
            invocation_id=fields.optional_text(metadata, "invocationId", f"{in_run}.metadata"),
            started_on=started,
            finished_on=finished,
            byproducts=fields.descriptors(run, "byproducts", in_run),
        )

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        metadata = {
            "invocationId": self.invocation_id,
            "startedOn": self.started_on,
            "finishedOn": self.finished_on,
        }
        return {
            "buildDefinition": {
                "buildType": self.build_type,
                "externalParameters": dict(self.external_parameters),
                "internalParameters": dict(self.internal_parameters),
                "resolvedDependencies": [descriptor.to_json() for descriptor in self.inputs],
            },
            "runDetails": {
                "builder": {"id": self.builder_id},
                "metadata": fields.without_none(metadata),
                "byproducts": [descriptor.to_json() for descriptor in self.byproducts],
            },
        }


def _time(metadata: Mapping[str, Any], name: str, where: str) -> str | None:
    found = fields.optional_text(metadata, name, where)
    if found is not None:
        parse_time(found, f"{where}.{name}")
    return found
