"""Rule `model-scan`: every file of the model was scanned, by digest, and nothing was found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.rules.sarif_level import TOOLS, bad_results, is_by_tools
from attestflow.policy.rules.sarif_results import runs
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import sarif
from attestflow.verification.verifier import VerifiedStatement


class ModelScan(ReportRule):
    """The newest SARIF report by `by` lists each file of the model with its SHA-256, and has no result that fails."""

    id = "model-scan"
    description = "A scanner looked into every file of the model, and found nothing."
    remediation = (
        "Scan the model with a scanner that lists each file with its digest (`runs[].artifacts`), and sign that."
    )
    report = "model-file scan"
    predicate_type = sarif.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {"by": BY, "tools": TOOLS, "maxAge": MAX_AGE}

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        return is_by_tools(item, parameters["tools"])

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        report = sarif.Sarif.parse(item.statement.predicate).report
        scanned: set[str] = set()
        for run in runs(report):
            scanned |= set(_scanned(run))
        if node.content.kind == "file":
            wanted = {node.content.sha256: node.name or "the file"}
        else:
            listing = lineage.listings.get(node.content)
            if listing is None:
                yield "the model's listing is not in the store, so nothing says what a complete scan is"
                return
            wanted = {digest: name for name, digest in listing}
        for digest, name in sorted(wanted.items(), key=lambda pair: pair[1]):
            if digest not in scanned:
                yield f"the file {shown(name, 120)} was not scanned at this digest"
        yield from bad_results(item, "note")


def _scanned(run: Mapping[str, Any]) -> Iterator[str]:
    """SHA-256 of the artifacts that a run lists (SARIF 3.24.11)."""
    for artifact in run.get("artifacts") or ():
        hashes = artifact.get("hashes") if isinstance(artifact, Mapping) else None
        digest = hashes.get("sha-256") if isinstance(hashes, Mapping) else None
        if isinstance(digest, str):
            yield digest.lower()


rule = ModelScan()
