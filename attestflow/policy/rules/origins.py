"""Following a model back through its registrations to the runs that trained it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from attestflow.digest import ContentDigest
from attestflow.lineage import Lineage
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION, Provenance
from attestflow.verification.verifier import VerifiedStatement


@dataclass(frozen=True, slots=True)
class Origin:
    """One end of the way back from a model: a run that is no registration, or None where the way ends without one."""

    content: ContentDigest
    statement: VerifiedStatement | None
    provenance: Provenance | None


def origins(lineage: Lineage, by: Collection[str]) -> Iterator[Origin]:
    """Every run by one of `by` that made the subject, and every place where the way back ends without one."""
    todo, seen = [lineage.subject], {lineage.subject}
    while todo:
        content = todo.pop()
        found = [(item, made) for item, made in lineage.provenances(content) if item.functionary in by]
        if not found:
            yield Origin(content, None, None)
        for item, made in found:
            if made.build_type != BUILD_TYPE_REGISTRATION:
                yield Origin(content, item, made)
                continue
            sources = [each.content for each in lineage.inputs[content] if each.via == item]
            if not sources or None in sources:
                yield Origin(content, None, None)
            for source in sources:
                if source is not None and source not in seen:
                    seen.add(source)
                    todo.append(source)
