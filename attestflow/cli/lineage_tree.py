"""A lineage as a tree for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attestflow.cli.output import line, short

if TYPE_CHECKING:
    from attestflow.digest import ContentDigest
    from attestflow.lineage import Lineage, Node


def tell_lineage(lineage: Lineage, name: str) -> None:
    """Print the tree, each node with its evidence; a node that stands twice is drawn once."""
    drawn: set[ContentDigest] = set()
    _draw(lineage, lineage.subject, name, "", "", drawn)
    for rejected in lineage.rejected:
        line(f"rejected  {rejected.location}: {rejected.reason}", style="yellow")


def _draw(
    lineage: Lineage, content: ContentDigest, name: str, lead: str, below: str, drawn: set[ContentDigest]
) -> None:
    node = lineage.nodes.get(content)
    kind = node.kind if node and node.kind else "UNATTESTED"
    label = name if content == lineage.subject else (node.name if node else None) or name
    again = content in drawn
    line(
        f"{lead}{label}  {kind}  {short(str(content))}{'  (above)' if again else ''}",
        style=None if node and node.kind else "red",
    )
    if again:
        return
    drawn.add(content)
    children = list(lineage.inputs.get(content, ()))
    if node is not None:
        for text in _evidence(node):
            line(f"{below}{'│' if children else ' '}   {text}", style="bright_black")
    for index, item in enumerate(children):
        last = index == len(children) - 1
        branch, continued = ("└─ ", "   ") if last else ("├─ ", "│  ")
        title = item.descriptor.name or item.descriptor.uri or "input"
        if item.content is None:
            line(
                f"{below}{branch}{title}  {'NO CONTENT DIGEST' if not _is_commit(item.descriptor.digest) else 'code commit'}"
            )
        else:
            _draw(lineage, item.content, title, below + branch, below + continued, drawn)


def _evidence(node: Node) -> list[str]:
    rows = []
    for verified in node.attestations:
        created = verified.statement.subjects[0].annotations.get("createdOn", "")
        rows.append(f"{_words(verified.statement.predicate_type)} by {verified.functionary} {created}".rstrip())
    return sorted(rows)


def _words(predicate_type: str) -> str:
    from attestflow.predicates import SHORT_NAMES

    return SHORT_NAMES.get(predicate_type, predicate_type)


def _is_commit(digest: Any) -> bool:
    return bool(digest.get("gitCommit"))


def lineage_document(lineage: Lineage) -> dict[str, Any]:
    """The lineage as JSON: nodes by digest, edges with the attestation that states them, what was rejected."""
    return {
        "subject": str(lineage.subject),
        "nodes": {
            str(content): {
                "name": node.name,
                "kind": node.kind,
                "attestations": [
                    {
                        "predicateType": item.statement.predicate_type,
                        "functionary": item.functionary,
                        "identity": item.identity,
                    }
                    for item in node.attestations
                ],
            }
            for content, node in lineage.nodes.items()
        },
        "edges": [
            {
                "from": str(content),
                "to": str(item.content) if item.content else None,
                "name": item.descriptor.name,
                "via": item.via.identity,
            }
            for content, items in lineage.inputs.items()
            for item in items
        ],
        "rejected": [{"location": item.location, "reason": item.reason} for item in lineage.rejected],
    }
