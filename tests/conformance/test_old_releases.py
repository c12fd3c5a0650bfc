"""What every release signed is verified for ever (scripts/release_assets.py makes the folders)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attestflow.clock import parse_time
from attestflow.documents import parse_json
from attestflow.errors import SignatureError
from attestflow.predicates import contents, provenance, reference
from attestflow.subject import measure
from attestflow.testing.trust import new_signer
from attestflow.verification.key import verify_with_key
from attestflow.verification.signed_document import signature_path, verify_document
from attestflow.verification.trust_root import TrustRoot
from attestflow.verification.verifier import Verifier

RELEASES = sorted((Path(__file__).parent.parent / "assets" / "releases").iterdir())


@pytest.fixture(params=RELEASES, ids=[path.name for path in RELEASES])
def release(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def expected(release: Path) -> dict[str, Any]:
    found: dict[str, Any] = parse_json((release / "expected.json").read_bytes(), "expected")
    return found


@pytest.fixture
def verifier(release: Path, expected: dict[str, Any]) -> Verifier:
    now = parse_time(expected["now"])
    return Verifier(TrustRoot.parse((release / "trust-root.yaml").read_bytes()), lambda: now)


def test_there_are_releases() -> None:
    assert RELEASES


def test_the_trust_root_is_signed(release: Path, expected: dict[str, Any]) -> None:
    path = release / "trust-root.yaml"
    data, signature, key = path.read_bytes(), signature_path(path).read_bytes(), (release / "root.pub").read_bytes()
    verify_document(data, signature, [key], [expected["root"]], "trust root")


@pytest.mark.parametrize("name", ["content", "provenance"])
def test_attestations_verify_under_it(release: Path, expected: dict[str, Any], verifier: Verifier, name: str) -> None:
    verified = verifier.verify((release / f"{name}.sigstore.json").read_bytes())
    assert (verified.functionary, verified.identity) == ("pipeline", expected[f"{name}Identity"])
    assert [str(content) for content in contents(verified.statement)] == [expected["content"]]
    if name == "content":
        found = reference.Reference.parse(verified.statement.predicate)
        assert found.blake3_key() == measure(release / "model").blake3
    else:
        assert provenance.Provenance.parse(verified.statement.predicate).inputs == verified.statement.subjects


def test_the_digest_of_the_bytes_is_still_the_same(release: Path, expected: dict[str, Any]) -> None:
    assert str(measure(release / "model").content) == expected["content"]


def test_the_oms_bundle_verifies_by_key(release: Path, expected: dict[str, Any]) -> None:
    raw = (release / "oms.sigstore.json").read_bytes()
    found = verify_with_key(raw, (release / "pipeline.pub").read_bytes())
    assert [str(content) for content in found.contents] == [expected["content"]]
    with pytest.raises(SignatureError):
        verify_with_key(raw, new_signer().public_key_pem())
