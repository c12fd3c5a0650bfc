"""A suite's canonical digest: what is expected, without the ids, notes and meta that change when nothing changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.documents import canonical_json, shown
from attestflow.errors import ConfigurationError
from attestflow.subject import ResourceDescriptor

MEDIA_TYPE = "application/vnd.attestflow.gx-suite+json"
SEVERITIES = ("critical", "warning", "info")
# Added by Great Expectations when an expectation meets a batch; it names the batch, not the expectation.
_RUNTIME = frozenset({"batch_id"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation in canonical form: its type, its arguments and what its failure means."""

    type: str
    kwargs: Mapping[str, Any]
    severity: str

    @classmethod
    def parse(cls, configuration: object, where: str) -> Expectation:
        """From an expectation's JSON configuration (in a suite or in a result). Raises ConfigurationError."""
        if not isinstance(configuration, Mapping):
            raise ConfigurationError(f"{where}: an expectation is a JSON object, found {shown(configuration)}")
        kind, kwargs = configuration.get("type"), configuration.get("kwargs", {})
        severity = configuration.get("severity") or "critical"
        if not isinstance(kind, str) or not kind or not isinstance(kwargs, Mapping):
            raise ConfigurationError(f"{where}: an expectation needs a type and kwargs, found {shown(configuration)}")
        if severity not in SEVERITIES:
            raise ConfigurationError(
                f"{where}: severity {shown(severity)} of {kind} is none of {', '.join(SEVERITIES)}"
            )
        arguments = {str(key): _plain(value, where) for key, value in kwargs.items() if key not in _RUNTIME}
        return cls(kind, {key: value for key, value in arguments.items() if value is not None}, severity)

    def canonical(self) -> bytes:
        """One byte string for one expectation (sorted keys, 1.0 written as 1)."""
        return canonical_json({"type": self.type, "kwargs": self.kwargs, "severity": self.severity})

    def name(self) -> str:
        """How it is called in a test result: its type and the columns that it looks at."""
        columns = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        named = [str(column) for column in columns if column is not None]
        several = self.kwargs.get("column_list") or self.kwargs.get("column_set") or ()
        named += [str(column) for column in several] if isinstance(several, list) else []
        return f"{self.type}({', '.join(named)})"


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of a run, in canonical order. Two suites are the same exactly when their digests are."""

    name: str
    expectations: tuple[Expectation, ...]

    @classmethod
    def of(cls, name: str, configurations: Iterable[object], where: str) -> Suite:
        """From JSON configurations. An empty suite raises ConfigurationError: it would pass whatever the data is."""
        parsed = [Expectation.parse(configuration, where) for configuration in configurations]
        if not parsed:
            raise ConfigurationError(
                f"{where}: the suite {shown(name)} holds no expectation, so any data would pass it",
                hint="add expectations to the suite",
            )
        return cls(name, tuple(sorted(parsed, key=Expectation.canonical)))

    @property
    def sha256(self) -> str:
        """Hex digest of the canonical form: each expectation's type, kwargs and severity; order does not count."""
        return hashlib.sha256(b"\n".join(each.canonical() for each in self.expectations)).hexdigest()

    def names(self) -> dict[bytes, str]:
        """From an expectation's canonical form to its name; where two share one, each carries 8 digits of its digest."""
        plain = [each.name() for each in self.expectations]
        result = {}
        for expectation, name in zip(self.expectations, plain, strict=True):
            form = expectation.canonical()
            twice = plain.count(name) > 1
            result[form] = f"{name}#{hashlib.sha256(form).hexdigest()[:8]}" if twice else name
        return result

    def descriptor(self) -> ResourceDescriptor:
        """The suite as a test result's `configuration` names it."""
        return ResourceDescriptor(name=self.name, digest={"sha256": self.sha256}, media_type=MEDIA_TYPE)


def _plain(value: Any, where: str) -> Any:
    """JSON values with integral floats as integers, since Great Expectations turns 1 into 1.0 for some arguments."""
    if isinstance(value, Mapping):
        if "$PARAMETER" in value:
            raise ConfigurationError(
                f"{where}: the suite has a parameter {shown(value['$PARAMETER'])}: its digest would not say what was checked",
                hint="write the value into the suite",
            )
        return {str(key): _plain(child, where) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(child, where) for child in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
