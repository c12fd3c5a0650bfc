"""statement: four fields, one subject, the signed bytes kept."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.digest import LISTING_MEDIA_TYPE, ContentDigest
from attestflow.documents import canonical_json
from attestflow.errors import MalformedStatement
from attestflow.statement import MAX_SUBJECTS, OMS_TYPE, PROVENANCE_TYPE, STATEMENT_TYPE, Statement
from attestflow.subject import ResourceDescriptor

HEX = "ab" * 32
TYPE = "https://example.org/thing/v1"


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "m", "digest": {"sha256": HEX}}],
        "predicateType": TYPE,
        "predicate": {"n": 1},
    }
    return {**base, **changes}


def parse(**changes: Any) -> Statement:
    return Statement.parse(json.dumps(document(**changes)).encode())


def test_the_bytes_are_kept_as_they_were() -> None:
    odd = json.dumps(document(), indent=3).encode() + b"\n"
    assert Statement.parse(odd).payload == odd


def test_build_serialises_once_and_reads_its_own_bytes() -> None:
    statement = Statement.build([ResourceDescriptor(name="m", digest={"sha256": HEX})], TYPE, {"b": 1, "a": 1.5})
    assert statement == Statement.parse(statement.payload)
    assert statement.payload == canonical_json(json.loads(statement.payload))
    assert statement.contents() == (ContentDigest("file", HEX),)


def test_numbers_stay_numbers() -> None:
    assert b'{"n":1}' in Statement.build([ResourceDescriptor(name="m", digest={"sha256": HEX})], TYPE, {"n": 1}).payload


BAD: dict[str, Any] = {
    "other type": {"_type": "https://in-toto.io/Statement/v0.1"},
    "type no text": {"_type": 1},
    "predicate missing": {"predicate": None},
    "predicate a list": {"predicate": []},
    "predicate type empty": {"predicateType": ""},
    "predicate type relative": {"predicateType": "thing/v1"},
    "predicate type with blanks": {"predicateType": "https://example.org/a b"},
    "predicate type with control": {"predicateType": "https://example.org/\x1b[2J"},
    "predicate type no ASCII": {"predicateType": "https://example.org/ⅴ1"},
    "predicate type too long": {"predicateType": "https://" + "x" * 500},
    "predicate type no text": {"predicateType": 7},
    "no subject": {"subject": []},
    "subject an object": {"subject": {"name": "m", "digest": {"sha256": HEX}}},
    "subject a text": {"subject": ["m"]},
    "two subjects": {"subject": [{"name": "m", "digest": {"sha256": HEX}}] * 2},
    "no digest": {"subject": [{"name": "m"}]},
    "empty digest": {"subject": [{"name": "m", "digest": {}}]},
    "only sha512": {"subject": [{"name": "m", "digest": {"sha512": "ab" * 64}}]},
    "digest upper case": {"subject": [{"name": "m", "digest": {"sha256": HEX.upper()}}]},
    "digest short": {"subject": [{"name": "m", "digest": {"sha256": "ab"}}]},
    "digest with line feed": {"subject": [{"name": "m", "digest": {"sha256": HEX + "\n"}}]},
    "digest no text": {"subject": [{"name": "m", "digest": {"sha256": 1}}]},
    "subject with unknown field": {"subject": [{"name": "m", "digest": {"sha256": HEX}, "nme": "x"}]},
    "tree name, no media type": {"subject": [{"name": "m/", "digest": {"sha256": HEX}}]},
    "tree media type, no tree name": {
        "subject": [{"name": "m", "digest": {"sha256": HEX}, "mediaType": LISTING_MEDIA_TYPE}]
    },
    "unknown field": {"extra": 1},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_a_statement_is_refused_with_its_place(name: str) -> None:
    assert parse()
    with pytest.raises(MalformedStatement, match=r"^statement"):
        parse(**BAD[name])


@pytest.mark.parametrize("missing", ["_type", "subject", "predicateType", "predicate"])
def test_a_missing_field_is_refused(missing: str) -> None:
    fields = document()
    del fields[missing]
    with pytest.raises(MalformedStatement, match=missing):
        Statement.parse(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'"x"', b"{}", b"{", b"\xff", b"[" * 100_000, b" " * 100_000_000]
)
def test_what_is_no_json_object_is_refused_quickly(payload: bytes) -> None:
    start = time.process_time()
    with pytest.raises(MalformedStatement):
        Statement.parse(payload)
    assert time.process_time() - start < 2


def test_a_second_reading_of_a_key_is_refused() -> None:
    twice = json.dumps(document()).replace(
        '"predicateType"', '"predicateType": "https://evil.example/v1", "predicateType"'
    )
    with pytest.raises(MalformedStatement, match="twice"):
        Statement.parse(twice.encode())


def test_only_provenance_has_several_subjects() -> None:
    subjects = [{"name": f"m{index}", "digest": {"sha256": f"{index:064x}"}} for index in range(MAX_SUBJECTS + 1)]
    with pytest.raises(MalformedStatement, match="at most 1 "):
        parse(subject=subjects[:2])
    assert len(parse(subject=subjects[:-1], predicateType=PROVENANCE_TYPE).contents()) == MAX_SUBJECTS
    with pytest.raises(MalformedStatement, match="at most 1000"):
        parse(subject=subjects, predicateType=PROVENANCE_TYPE)


def test_a_file_that_holds_a_listing_is_not_the_tree() -> None:
    tree = {"name": "m/", "digest": {"sha256": HEX}, "mediaType": LISTING_MEDIA_TYPE}
    assert parse(subject=[tree]).contents() == (ContentDigest("tree", HEX),)
    assert parse().contents() == (ContentDigest("file", HEX),)
    assert parse().contents() != parse(subject=[tree]).contents()


def test_the_root_digest_of_an_oms_signature_names_no_content() -> None:
    assert parse(predicateType=OMS_TYPE).contents() == ()


@pytest.mark.parametrize("predicate", [{"x": float("nan")}, {"x": b"bytes"}, {"x": "\ud800"}, {1: {2, 3}}])
def test_build_refuses_what_json_cannot_hold(predicate: Any) -> None:
    with pytest.raises(MalformedStatement):
        Statement.build([ResourceDescriptor(name="m", digest={"sha256": HEX})], TYPE, predicate)


def test_build_refuses_a_circle() -> None:
    predicate: dict[str, Any] = {}
    predicate["again"] = predicate
    with pytest.raises(MalformedStatement):
        Statement.build([ResourceDescriptor(name="m", digest={"sha256": HEX})], TYPE, predicate)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_é", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abcü", max_size=5), JSON, max_size=4), st.text("abc é模", min_size=1, max_size=10))
def test_any_predicate_survives_build_and_parse(predicate: dict[str, Any], name: str) -> None:
    statement = Statement.build([ResourceDescriptor(name=name, digest={"sha256": HEX})], TYPE, predicate)
    again = Statement.parse(statement.payload)
    assert again == statement
    assert again.predicate == predicate
    assert again.subjects[0].name == name


@given(JSON)
def test_any_json_in_any_field_ends_in_the_one_error(value: Any) -> None:
    for field in ("_type", "subject", "predicateType", "predicate"):
        try:
            parse(**{field: value})
        except MalformedStatement:
            continue
        assert field == "predicate"
