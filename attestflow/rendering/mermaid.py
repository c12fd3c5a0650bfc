"""A lineage as a Mermaid flowchart. Labels hold letters and entities alone, so no name is taken for syntax."""

from __future__ import annotations

from collections.abc import Iterator

from attestflow.digest import ContentDigest
from attestflow.documents import escaped
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import short

MAX_NODES = 500
_LABEL = 60


def mermaid(lineage: Lineage, name: str) -> str:
    """The flowchart, from inputs to the model; what nobody attested is drawn as such."""
    return "\n".join(_lines(lineage, name)) + "\n"


def label(value: object) -> str:
    """`value` as Mermaid shows it: everything but letters, digits and blanks as an entity."""
    plain = escaped(str(value))
    cut = plain if len(plain) <= _LABEL else plain[: _LABEL - 1] + "…"
    return "".join(char if char.isalnum() or char == " " else f"#{ord(char)};" for char in cut)


def _lines(lineage: Lineage, name: str) -> Iterator[str]:
    yield "flowchart BT"
    ids: dict[ContentDigest, str] = {}
    for number, (content, node) in enumerate(lineage.nodes.items()):
        if number >= MAX_NODES:
            yield f'  more["{label(f"and {len(lineage.nodes) - MAX_NODES} more")}"]'
            break
        ids[content] = f"n{number}"
        title = name if content == lineage.subject else node.name or "content"
        kind = node.kind or "NOT ATTESTED"
        yield f'  {ids[content]}["{label(title)}<br/>{label(kind)}<br/>{label(short(content))}"]'
        if not node.kinds:
            yield f"  class {ids[content]} unknown"
    commits = 0
    for content, items in lineage.inputs.items():
        for item in items:
            if content not in ids:
                continue
            if item.content is None:
                commits += 1
                yield f'  c{commits}["{label(item.name)}"] --> {ids[content]}'
            elif item.content in ids:
                yield f"  {ids[item.content]} --> {ids[content]}"
    yield "  classDef unknown stroke:#b00020,stroke-dasharray:5 3"
