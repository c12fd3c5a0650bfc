"""Python dependencies of a model as they are installed, found from its requirements: what is there, not what was wished for."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attestflow.documents import shown
from attestflow.errors import SubjectError
from attestflow.mlbom.description import Dependency, Environment, text_problem
from attestflow.mlbom.licences import licence_of

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MAX_REQUIREMENTS = 10_000
SOURCE = "distributions installed where this description was made (importlib.metadata)"
_ALGORITHMS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirements(data: bytes, what: str = "requirements.txt") -> tuple[Requirement, ...]:
    """The requirements (PEP 508) of a model's requirements.txt, in its order.

    Options, comments and bare URLs or paths are left out: they name no distribution. SubjectError for what is neither.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SubjectError(f"{what}: not UTF-8 at byte {exc.start}") from None
    found: list[Requirement] = []
    lines = text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()
    for number, line in enumerate(lines, 1):
        stated = re.split(r"(?:^|\s)#|\s--", line, maxsplit=1)[0].strip()
        if not stated or stated.startswith("-") or _is_location(stated):
            continue
        try:
            found.append(Requirement(stated))
        except InvalidRequirement:
            raise SubjectError(
                f"{what}: line {number} is no requirement: {shown(_shown_requirement(stated))}"
            ) from None
        if len(found) > MAX_REQUIREMENTS:
            raise SubjectError(f"{what}: more than {MAX_REQUIREMENTS} requirements")
    return tuple(found)


def installed_environment(requirements: Sequence[Requirement], *, path: Sequence[str] | None = None) -> Environment:
    """The distributions that `requirements` lead to, as installed in `path` (site-packages folders; None: this interpreter).

    Markers are evaluated for this interpreter. A requirement that is not installed is listed without a version, and the
    environment is then not `complete`.
    """
    collector = _Collector(_index(path))
    direct = collector.collect(requirements)
    dependencies = [
        _dependency(name, collector.found.get(name), collector.edges.get(name, ()), direct.get(name, ()))
        for name in sorted(collector.seen)
    ]
    return Environment(
        dependencies=tuple(dependencies),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        source=SOURCE,
        basis="measured",
        complete=not collector.missing,
    )


def _index(path: Sequence[str] | None) -> Mapping[str, metadata.Distribution]:
    """Distributions by normalised name; the first on the path wins, as it does on import."""
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions() if path is None else metadata.distributions(path=list(path)):
        name = _field(distribution, "Name")
        if name:
            found.setdefault(normalised(name), distribution)
    return found


class _Collector:
    """Walks requirements; one visit for each distribution and set of extras."""

    def __init__(self, index: Mapping[str, metadata.Distribution]) -> None:
        self._index = index
        self.seen: set[str] = set()
        self.found: dict[str, metadata.Distribution] = {}
        self.edges: dict[str, set[str]] = {}
        self.missing: set[str] = set()

    def collect(self, requirements: Iterable[Requirement]) -> dict[str, list[Requirement]]:
        """Follow everything; gives the direct requirements that apply here, by normalised name."""
        direct: dict[str, list[Requirement]] = {}
        pending: list[tuple[str, frozenset[str]]] = []
        for requirement in requirements:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                direct.setdefault(normalised(requirement.name), []).append(requirement)
                pending.append((normalised(requirement.name), frozenset(requirement.extras)))
        visited: set[tuple[str, frozenset[str]]] = set()
        while pending:
            visit = pending.pop()
            if visit not in visited:
                visited.add(visit)
                pending.extend(self._visit(*visit))
        return direct

    def _visit(self, name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
        self.seen.add(name)
        distribution = self._index.get(name)
        if distribution is None:
            self.missing.add(name)
            return []
        self.found[name] = distribution
        needed = _requirements_of(distribution, extras)
        if needed is None:
            self.missing.add(name)
            return []
        further = [(normalised(other.name), frozenset(other.extras)) for other in needed]
        self.edges.setdefault(name, set()).update(other for other, _ in further if other != name)
        return further


def _requirements_of(distribution: metadata.Distribution, extras: frozenset[str]) -> list[Requirement] | None:
    """What a distribution requires here, with these extras; None where its own metadata cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    needed: list[Requirement] = []
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return None
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *sorted(extras))):
            needed.append(requirement)
    return needed


def _dependency(
    name: str, distribution: metadata.Distribution | None, edges: Iterable[str], wished: Sequence[Requirement]
) -> Dependency:
    requirement = ", ".join(sorted({_shown_requirement(str(wish)) for wish in wished})) or None
    if distribution is None:
        return Dependency(name, None, requirement=requirement, satisfied=False if wished else None)
    version = _field(distribution, "Version")
    summary = (_field(distribution, "Summary") or "").strip()
    return Dependency(
        name=name,
        version=version,
        licence=licence_of(
            _field(distribution, "License-Expression"),
            _field(distribution, "License"),
            distribution.metadata.get_all("Classifier") or (),
        ),
        requirement=requirement,
        satisfied=all(_fulfils(version, wish) for wish in wished) if wished else None,
        depends_on=tuple(sorted(edges)),
        hashes=_archive_hashes(distribution.read_text("direct_url.json")),
        record_sha256=_record_digest(distribution),
        summary=summary if summary and summary != "UNKNOWN" and not text_problem(summary, limit=512) else None,
    )


def _field(distribution: metadata.Distribution, name: str) -> str | None:
    """A metadata field, None where it is absent (the backport importlib_metadata, once imported, raises at `[name]`)."""
    values = distribution.metadata.get_all(name)
    return str(values[0]) if values else None


def _fulfils(version: str | None, wish: Requirement) -> bool:
    from packaging.version import InvalidVersion

    try:
        return version is not None and wish.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _record_digest(distribution: metadata.Distribution) -> str | None:
    """SHA-256 of the RECORD file, which holds the hash of each installed file; None where the installer wrote none."""
    for file in distribution.files or ():
        if file.name == "RECORD" and file.parent.name.endswith(".dist-info"):
            try:
                return hashlib.sha256(Path(str(file.locate())).read_bytes()).hexdigest()
            except OSError:
                return None
    return None


def _archive_hashes(direct_url: str | None) -> tuple[tuple[str, str], ...]:
    """Hashes of the archive that was installed, where the installer kept them (PEP 610 direct_url.json).

    Nothing else on disk tells them: RECORD hashes installed files, and a lock names every archive that would have done.
    """
    try:
        hashes = json.loads(direct_url or "{}")["archive_info"]["hashes"]
        pairs = [(algorithm, hashes[algorithm]) for algorithm in sorted(_ALGORITHMS) if algorithm in hashes]
        return tuple((name, hex_) for name, hex_ in pairs if len(hex_) == _ALGORITHMS[name] and _HEX.fullmatch(hex_))
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _is_location(text: str) -> bool:
    """A bare URL or path, which pip installs and which names nothing."""
    return (
        "://" in text.split("@", 1)[0] or text.startswith((".", "/", "~")) or text.endswith((".whl", ".tar.gz", ".zip"))
    )


def _shown_requirement(text: str) -> str:
    """A requirement without what a URL may carry of secrets: user-info, query, fragment."""
    return re.sub(r"([a-z][a-z0-9+.\-]*://)(?:[^/@\s]*@)?([^?#\s;]*)[^\s;]*", r"\1\2", text, flags=re.IGNORECASE)
