"""Rule `components`: libraries that must not be there, and such as must."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules import boms
from attestflow.policy.rules.boms import BomRule, name_of
from attestflow.policy.rules.common import BY
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement


class Components(BomRule):
    """The newest ML-BOM by `by` lists none of `banned` and each of `required`.

    Both are Python requirements (`torch<2.6`, PEP 508) or globs of package URLs (`pkg:huggingface/evil/*`).
    """

    id = "components"
    description = "Banned libraries are not there, required ones are."
    remediation = "Update or replace the library, then register the model again."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "banned": Parameter("texts", "what must not be there: `torch<2.6`, `pkg:pypi/evil@*`", False),
        "required": Parameter("texts", "what must be there: `numpy>=2`", False),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for what is neither a requirement nor a package URL, and where nothing is asked for."""
        if not parameters["banned"] and not parameters["required"]:
            raise ConfigurationError(f"{where} asks for nothing", hint="give banned or required")
        for text in (*(parameters["banned"] or ()), *(parameters["required"] or ())):
            _check(text, where)

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        bom = item.statement.predicate
        if parameters["banned"] and not boms.packages_complete(bom):
            yield "the ML-BOM does not say that it lists every library"
        listed = list(boms.components(bom))
        for text in parameters["banned"] or ():
            for component in listed:
                if _is(component, text, unknown=True):
                    yield f"{shown(name_of(component), 80)} is banned ({shown(text, 80)})"
        for text in parameters["required"] or ():
            if not any(_is(component, text, unknown=False) for component in listed):
                yield f"{shown(text, 80)} is not there"


def _check(text: str, where: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    if text.startswith("pkg:"):
        return
    try:
        requirement = Requirement(text)
    except InvalidRequirement as exc:
        raise ConfigurationError(f"{where}: {shown(text)} is no requirement: {exc}") from None
    if requirement.url or requirement.marker or requirement.extras:
        raise ConfigurationError(f"{where}: {shown(text)} holds more than a name and versions")


def _is(component: Mapping[str, Any], text: str, *, unknown: bool) -> bool:
    """Whether a component is what `text` means; `unknown` is the answer where its version cannot be compared."""
    if text.startswith("pkg:"):
        purl = component.get("purl")
        return isinstance(purl, str) and fnmatchcase(purl.casefold(), text.casefold())
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    requirement = Requirement(text)
    if component.get("type") not in ("library", "framework"):
        return False
    if canonicalize_name(str(component.get("name"))) != canonicalize_name(requirement.name):
        return False
    if not str(requirement.specifier):
        return True
    try:
        version = Version(str(component.get("version")))
    except InvalidVersion:
        return unknown
    if not unknown:
        return requirement.specifier.contains(version, prereleases=True)
    return all(_covers(each.operator, each.version, each, version) for each in requirement.specifier)


def _covers(operator: str, bound: str, specifier: Any, version: Any) -> bool:
    """Whether a ban means a version. PEP 440 leaves 2.6rc1 out of `<2.6`, and 1.0.post1 out of `>1.0`; a ban does not."""
    from packaging.version import Version

    if operator == "<":
        return bool(version < Version(bound))
    if operator == ">":
        return bool(version > Version(bound))
    return bool(specifier.contains(version, prereleases=True))


rule = Components()
