"""Rule `licences-allowed`: model, data sets and libraries come under licences that the policy lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.mlbom.spdx import is_allowed
from attestflow.policy.rules import boms
from attestflow.policy.rules.boms import BomRule, name_of
from attestflow.policy.rules.common import BY
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement

PARTS = ("model", "datasets", "libraries")


class LicencesAllowed(BomRule):
    """In the newest ML-BOM by `by`, each part's licence (an SPDX expression) can be met with licences of `allow` alone."""

    id = "licences-allowed"
    description = "The licences of model, data sets and libraries are known, and allowed."
    remediation = "State the licence where it lacks (model card, data set, package); replace what cannot be used."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "allow": Parameter(
            "texts", "SPDX licence ids, `GPL-2.0-only WITH Classpath-exception-2.0`, or names, that may be used"
        ),
        "of": Parameter(
            "texts", "whose licences are looked at: model, datasets, libraries; all otherwise", False, default=PARTS
        ),
        "unlicensed": Parameter("texts", "names (globs) of parts that may have none", False, default=()),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for a part that there is not."""
        for part in parameters["of"]:
            if part not in PARTS:
                raise ConfigurationError(f"{where}.of: {shown(part)} is none of {', '.join(PARTS)}")

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        bom = item.statement.predicate
        allowed = frozenset(parameters["allow"])
        if "libraries" in parameters["of"] and not boms.packages_complete(bom):
            yield "the ML-BOM does not say that it lists every library"
        for part in parameters["of"]:
            found = {"model": [boms.model(bom)], "datasets": boms.datasets(bom), "libraries": boms.libraries(bom)}[part]
            for component in found:
                yield from _component(component, allowed, parameters["unlicensed"])


def _component(component: Mapping[str, Any], allowed: frozenset[str], unlicensed: tuple[str, ...]) -> Iterator[str]:
    stated = licences(component)
    title = shown(name_of(component), 80)
    if not stated:
        if not any(fnmatchcase(str(component.get("name")), pattern) for pattern in unlicensed):
            yield f"{title} states no licence"
        return
    for text in stated:  # several entries: all of them apply
        if not is_allowed(text, allowed):
            yield f"{title} is under {shown(text, 80)}, which is not allowed"


def licences(component: Mapping[str, Any]) -> list[str]:
    """What a component states: SPDX ids, expressions, names (CycloneDX 1.6, licenses). What cannot be read is a text too."""
    entries = component.get("licenses")
    found = []
    for entry in entries if isinstance(entries, list) else ():
        licence = entry.get("license") if isinstance(entry, Mapping) else None
        texts = [entry.get("expression")] if isinstance(entry, Mapping) else []
        texts += [licence.get("id"), licence.get("name")] if isinstance(licence, Mapping) else []
        found.append(next((text for text in texts if isinstance(text, str) and text), "something unreadable"))
    return found


rule = LicencesAllowed()
