"""dsse: the PAE of the protocol, one signature, canonical base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.dsse import PAYLOAD_TYPE, Envelope, decode_base64, pae
from attestflow.errors import MalformedStatement


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def envelope(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "payload": b64(b"{}"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": b64(b"s"), "keyid": ""}],
    }
    return {**base, **changes}


def test_pae_is_the_example_of_the_protocol() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_pae_counts_bytes() -> None:
    assert pae("é", b"\x00") == b"DSSEv1 2 \xc3\xa9 1 \x00"


@given(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.binary(),
    st.text(st.characters(exclude_categories=("Cs",))),
    st.binary(),
)
def test_two_messages_never_have_one_pae(kind: str, payload: bytes, other_kind: str, other: bytes) -> None:
    assert (pae(kind, payload) == pae(other_kind, other)) == ((kind, payload) == (other_kind, other))


@given(
    st.binary(max_size=500),
    st.binary(min_size=1, max_size=72),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)
def test_an_envelope_is_read_back(payload: bytes, signature: bytes, keyid: str) -> None:
    made = Envelope(payload, PAYLOAD_TYPE, keyid, signature)
    assert Envelope.from_json(json.loads(json.dumps(made.to_json())), "e") == made
    assert made.pae() == pae(PAYLOAD_TYPE, payload)


def test_keyid_may_be_missing() -> None:
    assert Envelope.from_json(envelope(signatures=[{"sig": b64(b"s")}]), "e").keyid == ""


BAD: dict[str, Any] = {
    "no object": [],
    "null": None,
    "unknown field": envelope(extra=1),
    "payload missing": {name: value for name, value in envelope().items() if name != "payload"},
    "payload no text": envelope(payload=1),
    "payload not base64": envelope(payload="***"),
    "payload URL-safe base64": envelope(payload="_-8="),
    "payload without padding": envelope(payload="e30"),
    "payload with unused bits": envelope(payload="e31="),
    "payload with line feed": envelope(payload="e30=\n"),
    "payload with blanks": envelope(payload="e3 0="),
    "payload not ASCII": envelope(payload="é"),
    "payload padded twice": envelope(payload="e30=="),
    "other payload type": envelope(payloadType="application/json"),
    "payload type in capitals": envelope(payloadType=PAYLOAD_TYPE.upper()),
    "no signature": envelope(signatures=[]),
    "two signatures": envelope(signatures=[{"sig": b64(b"s")}] * 2),
    "signatures an object": envelope(signatures={"sig": b64(b"s")}),
    "signature a text": envelope(signatures=["s"]),
    "signature empty": envelope(signatures=[{"sig": ""}]),
    "signature huge": envelope(signatures=[{"sig": b64(b"s" * 1000)}]),
    "signature with another field": envelope(signatures=[{"sig": b64(b"s"), "cert": "x"}]),
    "keyid no text": envelope(signatures=[{"sig": b64(b"s"), "keyid": 1}]),
    "keyid huge": envelope(signatures=[{"sig": b64(b"s"), "keyid": "x" * 1000}]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_envelope_is_refused_with_its_place(name: str) -> None:
    assert Envelope.from_json(envelope(), "e")
    with pytest.raises(MalformedStatement, match=r"^e\b"):
        Envelope.from_json(BAD[name], "e")


@given(st.binary(max_size=60))
def test_canonical_base64_is_read(data: bytes) -> None:
    assert decode_base64(b64(data), "x") == data


@given(st.text(alphabet="Ab0+/=-_ \n", max_size=12))
def test_one_text_for_one_byte_string(text: str) -> None:
    try:
        decoded = decode_base64(text, "x")
    except MalformedStatement:
        return
    assert b64(decoded) == text
