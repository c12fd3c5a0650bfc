"""Rehearsals go through the real gate: what passes there would pass, and what is denied would be."""

from __future__ import annotations

import pytest

from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy
from attestflow.policy.schema import Policy
from attestflow.predicates import approval, ml_bom, provenance, reference, test_result, vulns
from attestflow.rehearsal.cases import parse_cases
from attestflow.rehearsal.run import Played, rehearse, uncovered
from attestflow.testing.trust import NOW, Person, new_signer, trust_root_yaml
from attestflow.verification.trust_root import TrustRoot

HEAD = """\
apiVersion: attestflow.dev/policy/v1
name: production
version: 1
expires: "2027-01-01T00:00:00Z"
mode: enforce
absence: accepted
rules:
"""
RULES = """\
  - {rule: content-attested, by: [pipeline]}
  - {rule: trained-by, by: [pipeline]}
  - {rule: inputs-attested, by: [pipeline]}
  - {rule: data-validated, by: [validation], maxAge: 30d}
  - {rule: ml-bom, by: [pipeline]}
  - {rule: approved, by: [owner, boss], count: 2, sawEverything: true}
"""
TEST = "apiVersion: attestflow.dev/policy-test/v1\npolicy: production.yaml\n"


@pytest.fixture
def root() -> TrustRoot:
    making = (reference.PREDICATE_TYPE, provenance.PREDICATE_TYPE, ml_bom.PREDICATE_TYPE)
    people = {
        "pipeline": Person([new_signer()], [*making, vulns.PREDICATE_TYPE]),
        "validation": Person([new_signer()], [test_result.PREDICATE_TYPE]),
        "owner": Person([new_signer()], [approval.PREDICATE_TYPE]),
        "boss": Person([new_signer()], [approval.PREDICATE_TYPE]),
    }
    return TrustRoot.parse(trust_root_yaml(people))


def played(root: TrustRoot, cases: str, rules: str = RULES) -> list[Played]:
    return list(rehearse(parse_cases((TEST + cases).encode()), policy(rules), root, NOW))


def policy(rules: str = RULES) -> Policy:
    return load_policy((HEAD + rules).encode())


@pytest.mark.parametrize(
    "case",
    [
        "expect: passed",
        "without: [validation], expect: denied, by: [data-validated]",
        "validation: {result: FAILED}, expect: denied, by: [data-validated]",
        "validation: {age: 31d}, expect: denied, by: [data-validated]",
        "without: [model], expect: denied, by: [content-attested]",
        "without: [data], expect: denied, by: [inputs-attested]",
        "without: [bom], expect: denied, by: [ml-bom]",
        "without: [approval], expect: denied, by: [approved]",
        "approval: {owners: [owner]}, expect: denied, by: [approved]",
        "approval: {decision: rejected}, expect: denied, by: [approved]",
        "training: {by: validation}, expect: denied, by: [trained-by, inputs-attested, data-validated]",
    ],
)
def test_cases_come_out_as_a_gate_would_decide(root: TrustRoot, case: str) -> None:
    (only,) = played(root, f"cases: [{{name: x, {case}}}]")
    assert only.problem is None


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("expect: denied", "it passed"),
        ("without: [bom], expect: passed", "it was denied (ml-bom"),
        ("without: [bom], expect: denied, by: [approved]", "did not deny: approved; denied too: ml-bom"),
    ],
)
def test_a_case_that_comes_out_otherwise(root: TrustRoot, case: str, words: str) -> None:
    (only,) = played(root, f"cases: [{{name: x, {case}}}]")
    assert only.problem is not None
    assert words in only.problem


def test_evidence_of_ones_own(root: TrustRoot) -> None:
    rules = RULES + "  - {rule: vulnerabilities, by: [pipeline], maxAge: 7d, maxDatabaseAge: 7d}\n"
    report = (
        "{scanner: {uri: 'pkg:pypi/x', db: {lastUpdate: '2026-06-01T00:00:00Z'}, result: [%s]}, "
        "metadata: {scanStartedOn: '2026-06-01T00:00:00Z', scanFinishedOn: '2026-06-01T00:00:00Z'}}"
    )
    entry = f"with: [{{by: pipeline, predicateType: '{vulns.PREDICATE_TYPE}', age: %s, predicate: {report}}}]"
    found = "{id: CVE-1, severity: [{method: x, score: high}]}"
    cases = f"""\
given:
  {entry % ("1h", "")}
cases:
  - {{name: nothing found, expect: passed}}
  - name: something found
    expect: denied
    by: [vulnerabilities]
    {entry % ("1m", found)}
"""
    one, two = played(root, cases, rules)
    assert (one.problem, two.problem) == (None, None)
    assert uncovered(policy(rules), [one, two]) == tuple(use.rule for use in policy().rules)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cases: []", "not empty"),
        ("cases: [{name: x}]", "expect is missing"),
        ("cases: [{name: x, expect: maybe}]", "expect is"),
        ("cases: [{name: x, expect: passed, by: [approved]}]", "passed has no rules"),
        ("cases: [{name: x, expect: passed, without: [sleep]}]", "no step"),
        ("cases: [{name: x, expect: passed, training: {lr: 1}}]", 'unknown key "lr"'),
        ("cases: [{name: x, expect: passed, surprise: 1}]", "unknown key"),
        ("cases: [{name: x, expect: passed}, {name: x, expect: passed}]", "one name"),
        ("cases: [{name: x, expect: passed, data: {age: soon}}]", "no duration"),
        ("cases: [{name: x, expect: passed, training: {by: nobody}}]", "knows no"),
    ],
)
def test_what_is_wrong_with_a_test_file(root: TrustRoot, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        played(root, text)
