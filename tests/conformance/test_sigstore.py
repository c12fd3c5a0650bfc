"""Sigstore's own readers: bundles and statements of ours in sigstore-python and in its JavaScript packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from attestflow.bundle import Bundle
from attestflow.predicates.reference import PREDICATE_TYPE, Reference
from attestflow.signing.key import KeySigner
from attestflow.statement import Statement
from attestflow.subject import measure
from attestflow.testing.trust import new_signer

Cli = Callable[..., CompletedProcess[str]]


def attested(signer: KeySigner, target: Path) -> Bundle:
    measured = measure(target)
    return signer.sign(
        Statement.build([measured.descriptor(kind="model")], PREDICATE_TYPE, Reference.of(measured).to_json())
    )


def test_sigstores_python_models_read_our_bundles(signer: KeySigner, model: Path) -> None:
    from sigstore_models.bundle.v1 import Bundle as SigstoreBundle

    bundle = attested(signer, model)
    listing = measure(model).listing
    assert listing is not None
    for raw in (bundle.raw, signer.sign_oms(listing, "m")):
        read = SigstoreBundle.from_json(raw)
        assert read.dsse_envelope is not None
        assert read.verification_material.public_key is not None
        assert Bundle.parse(read.to_json().encode()).identity == Bundle.parse(raw).identity


def test_sigstore_python_reads_our_statements_and_makes_the_same_pae(signer: KeySigner, model: Path) -> None:
    """It checks the digests in subjects too: BLAKE3 there would be refused."""
    from sigstore import dsse

    for target in (model, model / "weights.bin"):
        bundle = attested(signer, target)
        assert dsse.Statement(bundle.envelope.payload)._pae() == bundle.envelope.pae()


def test_sigstore_python_does_not_verify_by_key(signer: KeySigner, model: Path) -> None:
    """Why we have a verifier of our own. When this fails, sigstore-python has learnt it: look again."""
    from sigstore.models import Bundle as VerifiableBundle
    from sigstore.models import InvalidBundle

    with pytest.raises(InvalidBundle, match="expected certificate"):
        VerifiableBundle.from_json(attested(signer, model).raw)


def test_the_javascript_verifier_takes_our_bundles(node: Cli, signer: KeySigner, model: Path, tmp_path: Path) -> None:
    key, file = tmp_path / "keys" / "k.pub", tmp_path / "b.json"
    for target in (model, model / "weights.bin"):
        bundle = attested(signer, target)
        file.write_bytes(bundle.raw)
        run = node(file, key)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["statement"] == json.loads(bundle.envelope.payload)


def test_the_javascript_verifier_refuses_what_we_refuse(
    node: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    key, file = tmp_path / "keys" / "k.pub", tmp_path / "b.json"
    good, other = attested(signer, model), attested(signer, model / "weights.bin")
    swapped = json.loads(good.raw)
    swapped["dsseEnvelope"]["payload"] = json.loads(other.raw)["dsseEnvelope"]["payload"]
    strangers = Bundle.build(attested(new_signer(), model).envelope, str(good.key_hint))
    for raw in (json.dumps(swapped).encode(), strangers.raw):
        file.write_bytes(raw)
        run = node(file, key)
        assert run.returncode == 1
        assert "signature verification failed" in run.stderr
