"""A verdict as one self-contained page that an owner reads in a minute: no script, nothing loaded from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.documents import escaped
from attestflow.lineage import Lineage
from attestflow.policy.rules.common import short
from attestflow.predicates import SHORT_NAMES
from attestflow.rendering.words import GROUPS, TITLES, grouped, headline, promotion, rule_of
from attestflow.verdict import Verdict

if TYPE_CHECKING:
    from attestflow.differences import Differences

MAX_NODES = 300
CHANGES = 12
_HEX = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")


@dataclass(frozen=True, slots=True)
class Branch:
    """A content in the drawn lineage: what it is called, what it is, its evidence, and what it was made of."""

    name: str
    kind: str
    digest: str
    evidence: tuple[str, ...]
    known: bool
    above: bool
    children: tuple[Branch, ...]


def html(verdict: Verdict, lineage: Lineage | None = None, differences: Differences | None = None) -> str:
    """The page. Whatever stands in names and messages is shown as text; control and bidi characters as escapes."""
    word = headline(verdict)
    groups = grouped(verdict)
    page: str = _template().render(
        verdict=verdict,
        word=word,
        state="denied" if "denied" in word else "excepted" if word != "passed" else "passed",
        promotion=promotion(verdict),
        groups=[(group, TITLES[group], groups[group]) for group in GROUPS if groups[group]],
        counts=_counts(groups),
        time=format_time(verdict.time),
        tree=_tree(lineage, verdict.subject_name) if lineage is not None else None,
        cut=max(0, len(lineage.nodes) - MAX_NODES) if lineage is not None else 0,
        differences=differences,
        changes=CHANGES,
        facts=_facts(verdict),
        description=lambda name: rule.description if (rule := rule_of(name)) else "What happened at the gate itself.",
    )
    return page


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("attestflow.rendering"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["brief"] = _brief
    return environment.get_template("verdict.html")


def _brief(value: str) -> str:
    """`value` with long digests cut: the record has them whole."""
    return _HEX.sub(r"\1…", value)


def _shown(value: Any) -> Any:
    """What an expression gives, without characters that hide what a text says; markup of ours stays."""
    if hasattr(value, "__html__"):
        return value
    if isinstance(value, str | ContentDigest):
        return "\n".join(escaped(line) for line in str(value).split("\n"))
    return value


def _counts(groups: Mapping[str, tuple[Any, ...]]) -> str:
    words = {"denied": "deny", "excepted": "waived", "warned": "warn", "passed": "passed"}
    return ", ".join(f"{len(groups[group])} {words[group]}" for group in GROUPS if groups[group]) or "no finding"


def _facts(verdict: Verdict) -> dict[str, str]:
    return {
        "Model": str(verdict.subject),
        "In production when it was asked": str(verdict.production) if verdict.production else "nothing",
        "Policy": f"{verdict.policy_name}, sha256:{verdict.policy_sha256}",
        "Trust root": f"sha256:{verdict.trust_root_sha256}",
        "Absence of evidence": verdict.absence,
        "Asked by": verdict.actor or "nobody named",
        "Findings that an approval names": verdict.findings_sha256(),
        "Signed verdict": verdict.vsa_identity or "not signed",
    }


def _tree(lineage: Lineage, name: str) -> Branch:
    drawn: set[ContentDigest] = set()

    def branch(content: ContentDigest, title: str, depth: int) -> Branch:
        node = lineage.nodes.get(content)
        above = content in drawn
        drawn.add(content)
        children: list[Branch] = []
        if not above and depth < 40:
            for item in lineage.inputs.get(content, ()):
                if len(drawn) >= MAX_NODES:
                    break
                if item.content is None:
                    kind = "code commit" if item.is_commit else "NO CONTENT DIGEST"
                    digest = next(iter(item.descriptor.digest.values()), "")
                    children.append(Branch(item.name, kind, digest[:12], (), item.is_commit, False, ()))
                else:
                    children.append(branch(item.content, item.name, depth + 1))
        called = title if content == lineage.subject or node is None else node.name or title
        return Branch(
            called,
            (node.kind if node else None) or "NOT ATTESTED",
            short(content),
            tuple(_evidence(lineage, content)) if not above else (),
            bool(node and node.kinds),
            above,
            tuple(children),
        )

    return branch(lineage.subject, name, 0)


def _evidence(lineage: Lineage, content: ContentDigest) -> Iterator[str]:
    node = lineage.nodes.get(content)
    rows = {
        f"{SHORT_NAMES.get(item.statement.predicate_type, item.statement.predicate_type)} by {item.functionary}"
        for item in (node.attestations if node else ())
    }
    yield from sorted(rows)
