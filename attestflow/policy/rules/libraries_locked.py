"""Rule `libraries-locked`: what was loaded is what a lock file pins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules import boms
from attestflow.policy.rules.boms import BomRule, name_of
from attestflow.policy.rules.common import BY
from attestflow.policy.schema import Context, Parameter
from attestflow.verification.verifier import VerifiedStatement


class LibrariesLocked(BomRule):
    """Each library of the newest ML-BOM by `by` is pinned by `lock` (pip's requirements format), at the same version."""

    id = "libraries-locked"
    description = "Every library that the model was made with stands in the lock file, at that version."
    remediation = "Install from the lock file and nothing else (`pip install --require-hashes`), train, register again."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "lock": Parameter("file", "the lock file: `{file: requirements.txt, sha256: …}`, `name==version` a line"),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for a lock file that pins nothing, or holds a line that pins no version."""
        if not locked(parameters["lock"].data, where):
            raise ConfigurationError(f"{where}.lock pins nothing")

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        from packaging.utils import canonicalize_name

        bom = item.statement.predicate
        pinned = locked(parameters["lock"].data, "the lock file")
        if not boms.packages_complete(bom):
            yield "the ML-BOM does not say that it lists every library"
        if not boms.libraries(bom):
            yield "the ML-BOM lists no library"
        for component in boms.libraries(bom):
            version = pinned.get(canonicalize_name(str(component.get("name"))))
            if version is None:
                yield f"{shown(name_of(component), 80)} is not in the lock file"
            elif not _same(version, component.get("version")):
                yield f"{shown(name_of(component), 80)} is locked at {shown(version, 40)}"


def locked(data: bytes, where: str) -> dict[str, str]:
    """Name (canonical) to version, from pip's requirements format; ConfigurationError for a line that pins none."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        text = data.decode("utf-8").replace("\\\n", " ")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{where}.lock is no text") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        wanted = line.partition("#")[0].partition(" --hash")[0].strip()
        if not wanted or wanted.startswith("--"):
            continue
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement as exc:
            raise ConfigurationError(f"{where}.lock, line {number}: {exc}") from None
        pins = [each.version for each in requirement.specifier if each.operator == "=="]
        if len(pins) != 1 or len(list(requirement.specifier)) != 1 or pins[0].endswith(".*"):
            raise ConfigurationError(f"{where}.lock, line {number}: {shown(wanted, 80)} pins no version")
        found[canonicalize_name(requirement.name)] = pins[0]
    return found


def _same(pinned: str, version: object) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(pinned) == Version(str(version))
    except InvalidVersion:
        return False


rule = LibrariesLocked()
