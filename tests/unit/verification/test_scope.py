"""verification.scope: kinds, build types, suites and names, each alone and through the verifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from attestflow.errors import IdentityError, MalformedStatement
from attestflow.predicates import provenance, reference, test_result
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import Person, new_signer, new_verifier

HEX, OTHER = "0a" * 32, "0b" * 32
SIGNER = new_signer()


def content(name: str = "sales.csv", **annotations: Any) -> Statement:
    subject = ResourceDescriptor(name=name, digest={"sha256": HEX}, annotations=annotations)
    return Statement.build([subject], reference.PREDICATE_TYPE, reference.Reference((subject,)).to_json())


def built(build_type: str, *names: str) -> Statement:
    subjects = [ResourceDescriptor(name=name, digest={"sha256": HEX}) for name in names or ("m",)]
    return Statement.build(
        subjects, provenance.PREDICATE_TYPE, provenance.Provenance(build_type, {}, "https://b").to_json()
    )


def validated(*suites: ResourceDescriptor) -> Statement:
    subject = ResourceDescriptor(name="m", digest={"sha256": HEX})
    return Statement.build([subject], test_result.PREDICATE_TYPE, test_result.TestResult("PASSED", suites).to_json())


def allowed(statement: Statement, *scopes: Mapping[str, Any]) -> bool:
    verifier = new_verifier({"someone": Person([SIGNER], scopes)})
    try:
        verifier.verify(SIGNER.sign(statement))
    except IdentityError:
        return False
    return True


CONTENT = {"predicateType": reference.PREDICATE_TYPE}
BUILD = {"predicateType": provenance.PREDICATE_TYPE}
TESTS = {"predicateType": test_result.PREDICATE_TYPE}
TRAINING, REGISTRATION = provenance.BUILD_TYPE_TRAINING, provenance.BUILD_TYPE_REGISTRATION


def test_kinds() -> None:
    scope = {**CONTENT, "kinds": ["dataset", "code"]}
    assert allowed(content(kind="dataset"), scope)
    for kind in ("model", "Dataset", "", None, ["dataset"], {"dataset": 1}, 0):
        assert not allowed(content(kind=kind), scope)
    assert not allowed(content(), scope)
    assert allowed(content(), CONTENT)


def test_build_types() -> None:
    scope = {**BUILD, "buildTypes": [TRAINING]}
    assert allowed(built(TRAINING), scope)
    assert not allowed(built(REGISTRATION), scope)
    assert not allowed(built(TRAINING + "/"), scope)
    assert allowed(built(REGISTRATION), BUILD)


def test_a_provenance_that_is_malformed_is_no_build_type() -> None:
    broken = Statement.build([ResourceDescriptor(name="m", digest={"sha256": HEX})], provenance.PREDICATE_TYPE, {})
    with pytest.raises(MalformedStatement):
        allowed(broken, {**BUILD, "buildTypes": [TRAINING]})


def test_a_key_for_bias_tests_cannot_validate_data() -> None:
    bias = ResourceDescriptor(name="bias", digest={"sha256": HEX})
    data = ResourceDescriptor(name="data", digest={"sha256": OTHER})
    by_name, by_digest = {**TESTS, "suites": ["bias"]}, {**TESTS, "suites": [f"sha256:{HEX}"]}
    for scope in (by_name, by_digest):
        assert allowed(validated(bias), scope)
        assert not allowed(validated(data), scope)
        assert not allowed(validated(bias, data), scope)
    assert not allowed(validated(ResourceDescriptor(name="bias", digest={"sha256": OTHER})), by_digest)
    assert not allowed(validated(ResourceDescriptor(name=f"sha256:{HEX}x", digest={"sha256": OTHER})), by_digest)
    assert allowed(validated(bias, data), {**TESTS, "suites": ["bias", "data"]})


def test_a_suite_named_like_a_digest_is_not_the_digest() -> None:
    """The name is the signer's own word; a scope by digest must not be met by it."""
    liar = ResourceDescriptor(name=f"sha256:{HEX}", digest={"sha256": OTHER})
    assert not allowed(validated(liar), {**TESTS, "suites": [f"sha256:{HEX}"]})


def test_names_are_globs_and_bind_every_subject() -> None:
    scope = {**CONTENT, "names": ["sales*.csv", "eu/*"]}
    for name in ("sales.csv", "sales-2026.csv", "eu/x.csv"):
        assert allowed(content(name), scope)
    for name in ("Sales.csv", "sales.parquet", "us/x.csv", "x/sales.csv"):
        assert not allowed(content(name), scope)
    build = {**BUILD, "names": ["m*"]}
    assert allowed(built(TRAINING, "m1", "m2"), build)
    assert not allowed(built(TRAINING, "m1", "other"), build)


def test_a_subject_without_a_name_matches_no_name() -> None:
    statement = Statement.build(
        [ResourceDescriptor(uri="https://x/sales.csv", digest={"sha256": HEX})], reference.PREDICATE_TYPE, {}
    )
    assert not allowed(statement, {**CONTENT, "names": ["?*"]})


def test_limits_of_one_scope_hold_together_and_scopes_add_up() -> None:
    narrow = {**CONTENT, "kinds": ["dataset"], "names": ["sales*"]}
    assert allowed(content("sales.csv", kind="dataset"), narrow)
    assert not allowed(content("sales.csv", kind="model"), narrow)
    assert not allowed(content("hr.csv", kind="dataset"), narrow)
    assert allowed(content("m.pkl", kind="model"), narrow, {**CONTENT, "kinds": ["model"], "names": ["m*"]})
    assert not allowed(content("sales.csv", kind="model"), narrow, {**CONTENT, "kinds": ["model"], "names": ["m*"]})


def test_another_predicate_type_is_out_of_scope() -> None:
    assert not allowed(built(TRAINING), CONTENT, TESTS)
