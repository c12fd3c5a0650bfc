"""verification.trust_root: whatever is not plainly right is an error with its place."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import ConfigurationError
from attestflow.predicates import provenance, reference, test_result, vsa
from attestflow.testing.trust import NOW, Person, new_signer, trust_root_yaml
from attestflow.verification.trust_root import TrustRoot

PIPELINE, VERIFIER = new_signer(), new_signer()
ROOT: dict[str, Any] = yaml.safe_load(
    trust_root_yaml(
        {
            "pipeline": Person([PIPELINE], [{"predicateType": reference.PREDICATE_TYPE, "kinds": ["model"]}]),
            "verifier": Person([VERIFIER], [vsa.PREDICATE_TYPE], observed=True),
        }
    )
)


def parse(change: Callable[[dict[str, Any]], None] = lambda root: None) -> TrustRoot:
    root = copy.deepcopy(ROOT)
    change(root)
    return TrustRoot.parse(dump(root))


def dump(root: dict[str, Any]) -> bytes:
    """YAML without anchors for what stands twice (JSON knows none)."""
    return yaml.safe_dump(json.loads(json.dumps(root))).encode()


def test_a_trust_root_says_who_may_say_what() -> None:
    data = yaml.safe_dump(ROOT).encode()
    root = TrustRoot.parse(data)
    assert root.version == 1
    assert root.sha256 == hashlib.sha256(data).hexdigest()
    pipeline = root.functionaries["pipeline"]
    assert pipeline.keys[0].fingerprint == PIPELINE.key_fingerprint
    assert pipeline.keys[0].pem == PIPELINE.public_key_pem()
    assert (pipeline.keys[0].valid_from, pipeline.keys[0].valid_until) == (
        NOW - timedelta(days=1),
        NOW + timedelta(days=365),
    )
    assert pipeline.may[0].kinds == ("model",)
    assert (pipeline.observed, root.functionaries["verifier"].observed) == (False, True)


def entry(root: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["functionaries"]["pipeline"]
    return found


def public_pem(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


PEM = PIPELINE.public_key_pem().decode()
BAD: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "other version of the format": (lambda r: r.update(apiVersion="attestflow.dev/trust-root/v2"), "apiVersion"),
    "no format": (lambda r: r.pop("apiVersion"), "missing field"),
    "unknown field": (lambda r: r.update(extra=1), "unknown field"),
    "version zero": (lambda r: r.update(version=0), "version"),
    "version a text": (lambda r: r.update(version="1"), "version"),
    "version true": (lambda r: r.update(version=True), "version"),
    "version a fraction": (lambda r: r.update(version=1.5), "version"),
    "expires a day": (lambda r: r.update(expires="2027-01-01"), "expires"),
    "expires null": (lambda r: r.update(expires=None), "expires"),
    "nobody": (lambda r: r.update(functionaries={}), "nobody is trusted"),
    "functionaries a list": (lambda r: r.update(functionaries=[]), "functionaries"),
    "a name with blanks": (lambda r: r["functionaries"].update({"a b": entry(r)}), "a name is"),
    "a name with an escape": (lambda r: r["functionaries"].update({"a\x1b[2J": entry(r)}), "a name is"),
    "an empty name": (lambda r: r["functionaries"].update({"": entry(r)}), "a name is"),
    "names that differ in case": (lambda r: r["functionaries"].update(Pipeline=entry(r)), "differ in case"),
    "functionary a text": (
        lambda r: r["functionaries"].update(pipeline="x"),
        r"functionaries\.pipeline: not a mapping",
    ),
    "functionary with unknown field": (
        lambda r: entry(r).update(admin=True),
        r"functionaries\.pipeline: unknown field",
    ),
    "observed a text": (lambda r: entry(r).update(observed="false"), "observed"),
    "observed a number": (lambda r: entry(r).update(observed=1), "observed"),
    "no keys": (lambda r: entry(r).update(keys=[]), r"pipeline\.keys"),
    "keys missing": (lambda r: entry(r).pop("keys"), "missing field"),
    "no scope": (lambda r: entry(r).update(may=[]), r"pipeline\.may"),
    "scope missing": (lambda r: entry(r).pop("may"), "missing field"),
    "key a text": (lambda r: entry(r).update(keys=[PEM]), r"keys\[0\]: not a mapping"),
    "key without window": (lambda r: entry(r)["keys"][0].pop("validUntil"), "missing field"),
    "key without algorithm": (lambda r: entry(r)["keys"][0].pop("algorithm"), "missing field"),
    "another algorithm": (lambda r: entry(r)["keys"][0].update(algorithm="none"), "algorithm"),
    "window upside down": (
        lambda r: entry(r)["keys"][0].update(validUntil="2020-01-01T00:00:00Z"),
        "validUntil: not after",
    ),
    "window empty": (
        lambda r: entry(r)["keys"][0].update(validUntil=entry(r)["keys"][0]["validFrom"]),
        "validUntil: not after",
    ),
    "window no time": (lambda r: entry(r)["keys"][0].update(validFrom="today"), r"keys\[0\]\.validFrom"),
    "key junk": (lambda r: entry(r)["keys"][0].update(publicKey="x"), r"keys\[0\]\.publicKey"),
    "key number": (lambda r: entry(r)["keys"][0].update(publicKey=1), r"keys\[0\]\.publicKey"),
    "key twice in one PEM": (lambda r: entry(r)["keys"][0].update(publicKey=PEM + PEM), "more than one plain PEM"),
    "words around the key": (
        lambda r: entry(r)["keys"][0].update(publicKey="of Bob\n" + PEM),
        "more than one plain PEM",
    ),
    "P-384": (
        lambda r: entry(r)["keys"][0].update(publicKey=public_pem(ec.generate_private_key(ec.SECP384R1()))),
        "no ECDSA P-256",
    ),
    "Ed25519": (
        lambda r: entry(r)["keys"][0].update(publicKey=public_pem(ed25519.Ed25519PrivateKey.generate())),
        "no ECDSA P-256",
    ),
    "private key": (
        lambda r: entry(r)["keys"][0].update(publicKey=PEM.replace("PUBLIC", "PRIVATE")),
        "this is a private key",
    ),
    "key of two functionaries": (lambda r: r["functionaries"].update(other=copy.deepcopy(entry(r))), "stands twice"),
    "key twice": (lambda r: entry(r).update(keys=entry(r)["keys"] * 2), "stands twice"),
    "scope a text": (lambda r: entry(r).update(may=["x"]), r"may\[0\]: not a mapping"),
    "scope without type": (lambda r: entry(r).update(may=[{}]), "missing field"),
    "scope for anything": (lambda r: entry(r).update(may=[{"predicateType": "*"}]), "no absolute URI"),
    "scope with unknown limit": (
        lambda r: entry(r).update(may=[{"predicateType": reference.PREDICATE_TYPE, "kind": ["model"]}]),
        "unknown field",
    ),
    "limit empty": (lambda r: entry(r)["may"][0].update(kinds=[]), "allows nothing"),
    "limit a text": (lambda r: entry(r)["may"][0].update(kinds="model"), "no list"),
    "limit of a number": (lambda r: entry(r)["may"][0].update(kinds=[1]), "no text"),
    "kinds of provenance": (
        lambda r: entry(r).update(may=[{"predicateType": provenance.PREDICATE_TYPE, "kinds": ["model"]}]),
        r"kinds: only for",
    ),
    "suites of references": (lambda r: entry(r)["may"][0].update(suites=["s"]), "suites: only for"),
    "build types of tests": (
        lambda r: entry(r).update(may=[{"predicateType": test_result.PREDICATE_TYPE, "buildTypes": ["b"]}]),
        "buildTypes: only for",
    ),
    "suite digest too short": (
        lambda r: entry(r).update(may=[{"predicateType": test_result.PREDICATE_TYPE, "suites": ["sha256:ab"]}]),
        "64 lower-case",
    ),
    "verifier signs more": (
        lambda r: r["functionaries"]["verifier"]["may"].append({"predicateType": provenance.PREDICATE_TYPE}),
        "verifier role signs nothing else",
    ),
    "pipeline signs verdicts": (
        lambda r: entry(r)["may"].append({"predicateType": vsa.PREDICATE_TYPE}),
        "verifier role signs nothing else",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_plainly_right_is_an_error_with_its_place(name: str) -> None:
    assert parse()
    change, message = BAD[name]
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse(change)
    assert caught.value.message.startswith("trust root: ")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"x", b"{", b"a: 1\na: 2", b"\xff", b"a: &a 1", b"[" * 100_000, b"x" * 100_000_000]
)
def test_what_is_no_yaml_mapping_is_an_error(data: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"^trust root: "):
        TrustRoot.parse(data)


@given(st.sampled_from(range(len(yaml.safe_dump(ROOT)))), st.binary(min_size=1, max_size=3))
def test_any_damage_parses_or_ends_in_the_one_error(position: int, junk: bytes) -> None:
    data = yaml.safe_dump(ROOT).encode()
    try:
        TrustRoot.parse(data[:position] + junk + data[position + len(junk) :])
    except ConfigurationError as exc:
        assert exc.message.startswith("trust root: ")
