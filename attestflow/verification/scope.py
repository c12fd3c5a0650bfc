"""What a functionary may say: predicate type, and what tells its uses apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from attestflow.documents import shown
from attestflow.predicates import ml_bom, provenance, reference, test_result
from attestflow.statement import Statement


@dataclass(frozen=True, slots=True)
class Scope:
    """One kind of statement that is allowed; () stands for any.

    `kinds` are of content attestations (their subject's annotation), `build_types` of SLSA provenance, `suites` of test
    results (each configuration by name or as `sha256:<hex>`), `documents` of CycloneDX (`bom`, `vex`), `names` globs on the
    names of the subjects, case matters.
    """

    predicate_type: str
    kinds: tuple[str, ...] = ()
    build_types: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def objection(self, statement: Statement) -> str | None:
        """Why this scope does not allow the statement; None when it does. Raises MalformedStatement."""
        if statement.predicate_type != self.predicate_type:
            return f"{shown(self.predicate_type)} is another predicate type"
        for check in (_kinds, _build_types, _suites, _documents, _names):
            found = check(self, statement)
            if found is not None:
                return found
        return None


# Which scope field tells uses of which predicate type apart; the trust root refuses it anywhere else.
FIELD_TYPES: Mapping[str, str] = {
    "kinds": reference.PREDICATE_TYPE,
    "buildTypes": provenance.PREDICATE_TYPE,
    "suites": test_result.PREDICATE_TYPE,
    "documents": ml_bom.PREDICATE_TYPE,
}

Check = Callable[[Scope, Statement], str | None]


def _kinds(scope: Scope, statement: Statement) -> str | None:
    if not scope.kinds:
        return None
    kinds = [subject.annotations.get("kind") for subject in statement.subjects]
    wrong = [kind for kind in kinds if kind not in scope.kinds]
    return f"kind {shown(wrong[0])} is not among {', '.join(scope.kinds)}" if wrong else None


def _build_types(scope: Scope, statement: Statement) -> str | None:
    if not scope.build_types:
        return None
    found = provenance.Provenance.parse(statement.predicate).build_type
    return None if found in scope.build_types else f"build type {shown(found)} is not among those allowed"


def _suites(scope: Scope, statement: Statement) -> str | None:
    if not scope.suites:
        return None
    digests = {suite.removeprefix("sha256:") for suite in scope.suites if suite.startswith("sha256:")}
    names = {suite for suite in scope.suites if not suite.startswith("sha256:")}
    for suite in test_result.TestResult.parse(statement.predicate).configuration:
        if suite.name not in names and suite.digest.get("sha256") not in digests:
            return f"suite {shown(suite.name or dict(suite.digest))} is not among those allowed"
    return None


def _documents(scope: Scope, statement: Statement) -> str | None:
    if not scope.documents:
        return None
    wrong = sorted(ml_bom.MlBom.parse(statement.predicate).uses - set(scope.documents))
    return f"it is a {wrong[0]}, and only {', '.join(scope.documents)} is allowed" if wrong else None


def _names(scope: Scope, statement: Statement) -> str | None:
    if not scope.names:
        return None
    for subject in statement.subjects:
        name = (subject.name or "").removesuffix("/")
        if not any(fnmatchcase(name, pattern) for pattern in scope.names):
            return f"the subject {shown(name)} matches none of {', '.join(scope.names)}"
    return None
