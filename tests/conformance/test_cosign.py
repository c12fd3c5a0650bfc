"""cosign verifies a content attestation of ours over the file itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from attestflow.predicates.reference import PREDICATE_TYPE, Reference
from attestflow.signing.key import KeySigner
from attestflow.statement import Statement
from attestflow.subject import measure
from attestflow.testing.trust import new_signer

Cli = Callable[..., CompletedProcess[str]]


def verify(cosign: Cli, key: Path, bundle: Path, file: Path) -> CompletedProcess[str]:
    return cosign(
        "verify-blob-attestation",
        *("--key", key, "--bundle", bundle, "--type", PREDICATE_TYPE, "--insecure-ignore-tlog"),
        file,
    )


def attested(signer: KeySigner, target: Path, bundle: Path) -> Path:
    measured = measure(target)
    statement = Statement.build([measured.descriptor(kind="model")], PREDICATE_TYPE, Reference.of(measured).to_json())
    bundle.write_bytes(signer.sign(statement).raw)
    return bundle


def test_cosign_takes_our_bundle(cosign: Cli, signer: KeySigner, model: Path, tmp_path: Path) -> None:
    file, key = model / "weights.bin", tmp_path / "keys" / "k.pub"
    bundle = attested(signer, file, tmp_path / "b.json")
    good = verify(cosign, key, bundle, file)
    assert good.returncode == 0, good.stderr
    file.write_bytes(b"evil")
    assert verify(cosign, key, bundle, file).returncode != 0


def test_cosign_refuses_another_key(cosign: Cli, signer: KeySigner, model: Path, tmp_path: Path) -> None:
    file, key = model / "weights.bin", tmp_path / "keys" / "k.pub"
    bundle = attested(new_signer(), file, tmp_path / "b.json")
    assert verify(cosign, key, bundle, file).returncode != 0
