"""Every rule of ours under the contract that rules of others run as well; and one of others, from an entry point."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from attestflow.policy import registry
from attestflow.policy.registry import BUILT_IN
from attestflow.policy.schema import Parameter
from attestflow.testing.rule_contract import RuleContract
from attestflow.verdict import Finding

from ...attacks.test_valint_policies import INITIATIVE, POLICY, RULE  # noqa: TID252 - tests have no name

BY = {"by": ["pipeline"]}
REGO = b'package attestflow\nimport rego.v1\ndeny contains "nothing is there" if count(input.lineage.nodes) < 2\n'
FILES = {
    "lock.txt": b"numpy==2.1.0\n",
    "policy.rego": REGO,
    "few.rego": POLICY.encode(),
    "test.yaml": INITIATIVE.replace(", level: warning", "").encode(),
    "rules/sbom/few.yaml": RULE.encode(),
    "rules/sbom/few.rego": POLICY.encode(),
}


def file(name: str) -> dict[str, str]:
    return {"file": name, "sha256": hashlib.sha256(FILES[name]).hexdigest()}


PARAMETERS: dict[str, dict[str, Any]] = {
    "access-declared": {**BY, "files": ["/data/*"]},
    "approved": BY,
    "bom-complete": {**BY, "minScore": 50},
    "checklist": {**BY, "items": ["read"]},
    "code-commit": {**BY, "repositories": ["https://example.com/*"]},
    "components": {**BY, "banned": ["torch<2"]},
    "content-attested": BY,
    "data-validated": BY,
    "fairness": {**BY, "metric": "recall", "slices": ["a", "b"], "maxGap": 0.1},
    "fresh": {**BY, "maxTrainingAge": "30d", "maxDataAge": "30d"},
    "inputs-attested": BY,
    "libraries-locked": {**BY, "lock": file("lock.txt")},
    "licences-allowed": {**BY, "allow": ["MIT"]},
    "metrics": {**BY, "atLeast": {"accuracy": 0.9}},
    "ml-bom": BY,
    "model-scan": BY,
    "observed": {},
    "registered-unchanged": BY,
    "rego": {"modules": [file("policy.rego")]},
    "required-attestation": {**BY, "predicateType": "https://example.com/x/v1"},
    "resource-use": {**BY, "within": 2},
    "sarif-level": BY,
    "serialization-formats": {},
    "sources-allowed": {"allow": ["s3://lake/*"]},
    "tests-passed": BY,
    "trained-by": BY,
    "valint": {**BY, "module": file("few.rego"), "predicateType": "https://cyclonedx.org/bom"},
    "valint-initiative": {
        **BY,
        "initiative": file("test.yaml"),
        "rules": [file("rules/sbom/few.yaml"), file("rules/sbom/few.rego")],
    },
    "vulnerabilities": {**BY, "maxAge": "7d", "maxDatabaseAge": "2d"},
    "whole-subjects": {},
}


def test_every_rule_is_here() -> None:
    assert set(PARAMETERS) == set(BUILT_IN)


def suite(rule: str) -> type[RuleContract]:
    """The contract's tests for one rule; `whole-subjects` only objects to what is attested in part."""
    members = {
        "name": rule,
        "parameters": PARAMETERS[rule],
        "files": FILES,
        "silent_over_nothing": rule == "whole-subjects",
    }
    return type(f"Test{rule.title().replace('-', '')}", (RuleContract,), members)


for _rule in BUILT_IN:
    globals()[f"Test{_rule.title().replace('-', '')}"] = suite(_rule)


class Theirs:
    """A rule of somebody else's package."""

    id = "acme-two-people"
    severity = "high"
    description = "Two people looked."
    remediation = "Ask a second one."
    parameters = {"by": Parameter("functionaries", "who counts")}  # noqa: RUF012 - as a rule is written

    def check(self, lineage: Any, context: Any, parameters: Any) -> Iterator[Finding]:
        people = {each.functionary for each in lineage.root.attestations} & set(parameters["by"])
        outcome = "passed" if len(people) > 1 else "denied"
        yield Finding(self.id, outcome, f"{len(people)} people", self.remediation, str(lineage.subject))


theirs = Theirs()


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a package with that entry point were installed."""
    point = EntryPoint("acme-two-people", "acme:theirs", registry.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: theirs)
    found = registry.entry_points

    def points(**query: Any) -> Any:
        mine = query.get("group") == registry.ENTRY_POINTS and query.get("name", point.name) == point.name
        return [point] if mine else found(**query)

    monkeypatch.setattr(registry, "entry_points", points)


class TestTheirs(RuleContract):
    """The same contract for a rule from an entry point."""

    name = "acme-two-people"
    parameters = BY


def test_their_page_is_made_of_what_they_say() -> None:
    assert "| `by` | required | who counts |" in registry.page("acme-two-people")
    assert registry.every_rule()[-1] is theirs
