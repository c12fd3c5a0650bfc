"""All numbers that count about one model: of its runs, and of the newest BOM that holds any."""

from __future__ import annotations

from collections.abc import Collection

from attestflow.lineage import Lineage
from attestflow.policy.rules.latest import latest
from attestflow.policy.rules.measurements import Measured, bom_metrics, has_metrics, run_numbers
from attestflow.policy.schema import Context


def evaluations(lineage: Lineage, context: Context, by: Collection[str]) -> tuple[Measured, ...] | str:
    """The metrics attested by `by`, or why they cannot be relied on."""
    boms = [
        item
        for item in lineage.root.attestations
        if item.functionary in by and has_metrics(item.statement.predicate_type, item.statement.predicate)
    ]
    of_runs = run_numbers(lineage, by, "metrics")
    if not boms:
        return of_runs or f"no metrics by {' or '.join(by)} are attested"
    newest = latest(boms, lineage.subject, context, None, "a BOM with metrics")
    return newest if isinstance(newest, str) else (*of_runs, *bom_metrics(newest))
