"""Who made a model: they can neither approve it nor waive what it lacks."""

from __future__ import annotations

from attestflow.lineage import Lineage
from attestflow.predicates import provenance, reference


def makers(lineage: Lineage) -> frozenset[str]:
    """The functionaries who signed the model's bytes, or any run in its lineage."""
    runs = {item.functionary for node in lineage.nodes.values() for item in node.of_type(provenance.PREDICATE_TYPE)}
    return frozenset(runs | {item.functionary for item in lineage.root.of_type(reference.PREDICATE_TYPE)})
