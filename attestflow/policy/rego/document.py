"""What a Rego policy sees: the verified lineage as data, in a shape that stays (docs/guides/rego.md)."""

from __future__ import annotations

from typing import Any

from attestflow.clock import format_time
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import created_on
from attestflow.policy.schema import Context


def document(lineage: Lineage, context: Context) -> dict[str, Any]:
    """The input document: subject, promotion, time, policy, the lineage's contents and edges. Verified statements alone."""
    return {
        "subject": str(lineage.subject),
        "transition": context.transition.to_json() if context.transition else None,
        "production": str(context.production) if context.production else None,
        "now": format_time(context.now),
        "policy": {"name": context.policy_name, "sha256": context.policy_sha256},
        "functionaries": {name: {"observed": each.observed} for name, each in context.trust_root.functionaries.items()},
        "lineage": {
            "nodes": {str(content): _node(node) for content, node in lineage.nodes.items()},
            "edges": [
                {
                    "from": str(content),
                    "to": str(item.content) if item.content else None,
                    "name": item.name,
                    "uri": item.descriptor.uri,
                    "digest": dict(item.descriptor.digest),
                    "annotations": dict(item.descriptor.annotations),
                    "via": item.via.identity,
                }
                for content, items in lineage.inputs.items()
                for item in items
            ],
            "files": {
                str(content): dict(listing)
                for content, listing in lineage.listings.items()
                if content == lineage.subject
            },
        },
    }


def _node(node: Node) -> dict[str, Any]:
    rows = []
    for item in node.attestations:
        created = created_on(item, node.content)
        rows.append(
            {
                "predicateType": item.statement.predicate_type,
                "predicate": item.statement.predicate,
                "functionary": item.functionary,
                "observed": item.observed,
                "identity": item.identity,
                "createdOn": format_time(created) if created else None,
            }
        )
    return {"name": node.name, "kind": node.kind, "depth": node.depth, "attestations": rows}
