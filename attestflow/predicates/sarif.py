"""SARIF reports in witness's predicate: SAST, infrastructure-as-code and model scanners."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields

PREDICATE_TYPE = "https://witness.dev/attestations/sarif/v0.1"


@dataclass(frozen=True, slots=True)
class Sarif:
    """A SARIF 2.1.0 report, the name of its file, and the SHA-256 (hex) of the file's bytes."""

    report: Mapping[str, Any]
    file_name: str
    sha256: str | None

    @classmethod
    def of_report(cls, report: Mapping[str, Any], file_name: str, data: bytes) -> Sarif:
        """The predicate for a report whose file holds `data`; raises MalformedStatement when it is no SARIF."""
        _check(report, "report")
        return cls(report, file_name, hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Sarif:
        """Read the predicate; raises MalformedStatement with the place."""
        report = fields.mapping(predicate, "report", where)
        _check(report, f"{where}.report")
        digests = fields.optional_mapping(predicate, "reportDigestSet", where)
        sha256 = fields.hex_digest(digests, "sha256", f"{where}.reportDigestSet") if "sha256" in digests else None
        return cls(report, fields.text(predicate, "reportFileName", where), sha256)

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        digests = {} if self.sha256 is None else {"sha256": self.sha256}
        return {"report": dict(self.report), "reportFileName": self.file_name, "reportDigestSet": digests}


def _check(report: Mapping[str, Any], where: str) -> None:
    fields.choice(report, "version", where, ("2.1.0",))
    runs = fields.items(report, "runs", where)
    if not runs:
        raise MalformedStatement(f"{where}.runs: no tool ran")
    for index, entry in enumerate(runs):
        at = f"{where}.runs[{index}]"
        run = fields.as_mapping(entry, at)
        fields.mapping(fields.mapping(run, "tool", at), "driver", f"{at}.tool")
        # A run without `results` is one that did not scan (SARIF 2.1.0, 3.14.23): it says nothing good.
        fields.items(run, "results", at)
