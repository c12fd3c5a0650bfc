"""bundle: Sigstore v0.3, strict, its bytes kept."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.bundle import MEDIA_TYPE, Bundle, hint_of, oms_hint_of
from attestflow.dsse import PAYLOAD_TYPE, Envelope, pae
from attestflow.errors import MalformedStatement

ENVELOPE = Envelope(b'{"a":1}', PAYLOAD_TYPE, "", b"signature")


def document(material: Any = None, **changes: Any) -> bytes:
    base: dict[str, Any] = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "h"}, "tlogEntries": []} if material is None else material,
        "dsseEnvelope": ENVELOPE.to_json(),
    }
    return json.dumps({**base, **changes}).encode()


def test_build_makes_what_parse_reads() -> None:
    made = Bundle.build(ENVELOPE, "h")
    assert Bundle.parse(made.raw) == made
    assert (made.envelope, made.key_hint, made.proofs) == (ENVELOPE, "h", ())


def test_the_bytes_are_kept() -> None:
    odd = json.dumps(json.loads(document()), indent=2).encode()
    assert Bundle.parse(odd).raw == odd


def test_identity_is_the_digest_of_the_pae_whatever_wraps_it() -> None:
    identity = hashlib.sha256(pae(PAYLOAD_TYPE, b'{"a":1}')).hexdigest()
    again = Envelope(ENVELOPE.payload, PAYLOAD_TYPE, "other", b"another signature")
    assert Bundle.build(ENVELOPE, "h").identity == Bundle.build(again, "g").identity == identity
    assert Bundle.parse(json.dumps(json.loads(document()), indent=2).encode()).identity == identity


def test_hints() -> None:
    assert base64.b64decode(hint_of(b"spki")) == hashlib.sha256(b"spki").digest()
    assert oms_hint_of(b"pem") == hashlib.sha256(b"pem").hexdigest()


@pytest.mark.parametrize(
    "material",
    [
        {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]},
        {"x509CertificateChain": {"certificates": []}},
    ],
)
def test_certificates_have_no_key_hint(material: Any) -> None:
    assert Bundle.parse(document(material)).key_hint is None


def test_proofs_are_named() -> None:
    material = {
        "publicKey": {"hint": "h"},
        "tlogEntries": [{}],
        "timestampVerificationData": {"rfc3161Timestamps": [{}]},
    }
    assert Bundle.parse(document(material)).proofs == ("tlogEntries", "rfc3161Timestamps")
    empty = {"publicKey": {"hint": "h"}, "timestampVerificationData": {"rfc3161Timestamps": []}}
    assert Bundle.parse(document(empty)).proofs == ()


BAD: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "unknown field": document(extra=1),
    "no media type": json.dumps({"verificationMaterial": {}, "dsseEnvelope": {}}).encode(),
    "bundle v0.1": document(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"),
    "message signature": document(messageSignature={}),
    "no envelope": json.dumps({"mediaType": MEDIA_TYPE, "verificationMaterial": {"publicKey": {"hint": "h"}}}).encode(),
    "envelope null": document(dsseEnvelope=None),
    "no material": document({}),
    "material a list": document([]),
    "key and certificate": document({"publicKey": {"hint": "h"}, "certificate": {}}),
    "key null": document({"publicKey": None}),
    "no hint": document({"publicKey": {}}),
    "hint null": document({"publicKey": {"hint": None}}),
    "hint empty": document({"publicKey": {"hint": ""}}),
    "hint a number": document({"publicKey": {"hint": 1}}),
    "hint huge": document({"publicKey": {"hint": "h" * 1000}}),
    "key inside": document({"publicKey": {"hint": "h", "rawBytes": "AA=="}}),
    "material unknown": document({"publicKey": {"hint": "h"}, "extra": []}),
    "certificate a text": document({"certificate": "AA=="}),
    "log no list": document({"publicKey": {"hint": "h"}, "tlogEntries": {}}),
    "times no object": document({"publicKey": {"hint": "h"}, "timestampVerificationData": []}),
    "times unknown": document({"publicKey": {"hint": "h"}, "timestampVerificationData": {"x": []}}),
    "stamps no list": document({"publicKey": {"hint": "h"}, "timestampVerificationData": {"rfc3161Timestamps": 1}}),
    "duplicate envelope": document().replace(b'"dsseEnvelope"', b'"dsseEnvelope": {}, "dsseEnvelope"', 1),
    "duplicate payload": document().replace(b'"payload"', b'"payload": "", "payload"', 1),
    "deep": document([[]]).replace(b"[[]]", b"[" * 100_000 + b"]" * 100_000),
    "100 MB": b" " * 100_000_000,
    "100 MB payload": b'{"dsseEnvelope": {"payload": "' + b"A" * 100_000_000 + b'"}}',
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_bundle_is_refused_quickly(name: str) -> None:
    assert Bundle.parse(document())
    start = time.process_time()
    with pytest.raises(MalformedStatement, match=r"^bundle\b"):
        Bundle.parse(BAD[name])
    assert time.process_time() - start < 2


@given(st.binary(max_size=100))
def test_any_bytes_end_in_the_one_error(data: bytes) -> None:
    with pytest.raises(MalformedStatement):
        Bundle.parse(data)


@given(st.integers(0, len(document())))
def test_a_cut_bundle_is_refused(length: int) -> None:
    if length < len(document()):
        with pytest.raises(MalformedStatement):
            Bundle.parse(document()[:length])
