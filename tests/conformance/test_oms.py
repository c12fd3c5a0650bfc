"""OMS: `model_signing` takes our signatures, and we take theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from attestflow.errors import MalformedStatement, SignatureError
from attestflow.signing.key import KeySigner
from attestflow.subject import measure
from attestflow.testing.trust import new_signer
from attestflow.verification.key import verify_with_key

Cli = Callable[..., CompletedProcess[str]]


def written(signer: KeySigner, target: Path, signature: Path) -> Path:
    measured = measure(target)
    signature.write_bytes(signer.sign_oms(measured.listing or measured.content, measured.name))
    return signature


def verify(cli: Cli, target: Path, signature: Path, key: Path, *options: str) -> CompletedProcess[str]:
    return cli("verify", "key", target, "--signature", signature, "--public_key", key, *options)


def test_model_signing_takes_our_signature_of_a_tree(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    signature, key = written(signer, model, tmp_path / "m.sig"), tmp_path / "keys" / "k.pub"
    good = verify(model_signing, model, signature, key)
    assert good.returncode == 0, good.stderr
    (model / "weights.bin").write_bytes(b"evil")
    assert verify(model_signing, model, signature, key).returncode != 0


def test_model_signing_takes_our_signature_of_one_file(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    file = model / "weights.bin"
    signature, key = written(signer, file, tmp_path / "m.sig"), tmp_path / "keys" / "k.pub"
    good = verify(model_signing, file, signature, key)
    assert good.returncode == 0, good.stderr
    file.write_bytes(b"evil")
    assert verify(model_signing, file, signature, key).returncode != 0


def test_files_of_git_are_signed_too(model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path) -> None:
    (model / ".gitattributes").write_text("*.bin filter=lfs")
    signature, key = written(signer, model, tmp_path / "m.sig"), tmp_path / "keys" / "k.pub"
    assert verify(model_signing, model, signature, key, "--no-ignore-git-paths").returncode == 0
    assert verify(model_signing, model, signature, key).returncode != 0


def test_model_signing_refuses_the_signature_of_another_key(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    signature = written(new_signer(), model, tmp_path / "m.sig")
    assert verify(model_signing, model, signature, tmp_path / "keys" / "k.pub").returncode != 0


def signed_by_them(cli: Cli, target: Path, key: Path, signature: Path, *options: str) -> bytes:
    run = cli("sign", "key", target, "--private_key", key, "--signature", signature, *options)
    assert run.returncode == 0, run.stderr
    return signature.read_bytes()


def test_we_take_their_signature(model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path) -> None:
    for target in (model, model / "weights.bin"):
        raw = signed_by_them(model_signing, target, tmp_path / "keys" / "k", tmp_path / "m.sig")
        verified = verify_with_key(raw, signer.public_key_pem())
        assert verified.contents == (measure(target).content,)
        assert verified.key_fingerprint == signer.key_fingerprint


def test_their_signature_is_over_these_bytes_and_names(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    raw = signed_by_them(model_signing, model, tmp_path / "keys" / "k", tmp_path / "m.sig")
    signed = verify_with_key(raw, signer.public_key_pem()).contents
    (model / "a.b").rename(model / "a.pkl")
    assert signed != (measure(model).content,)
    (model / "a.pkl").rename(model / "a.b")
    assert signed == (measure(model).content,)
    (model / "empty").write_bytes(b"x")
    assert signed != (measure(model).content,)


def test_a_file_that_they_would_ignore_denies_here(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    """The attack: a payload under a path that the signature says to ignore; their verifier passes it."""
    (model / "cache").mkdir()
    (model / "cache" / "x.pkl").write_bytes(b"x")
    raw = signed_by_them(
        model_signing, model, tmp_path / "keys" / "k", tmp_path / "m.sig", "--ignore-paths", str(model / "cache")
    )
    (model / "cache" / "x.pkl").write_bytes(b"evil")
    assert verify(model_signing, model, tmp_path / "m.sig", tmp_path / "keys" / "k.pub").returncode == 0
    signed = verify_with_key(raw, signer.public_key_pem()).contents
    assert signed != (measure(model).content,)
    shutil.rmtree(model / "cache")
    assert signed == (measure(model).content,)


def test_their_signature_by_another_key_is_refused(
    model_signing: Cli, signer: KeySigner, model: Path, tmp_path: Path
) -> None:
    raw = signed_by_them(model_signing, model, tmp_path / "keys" / "k", tmp_path / "m.sig")
    with pytest.raises(SignatureError):
        verify_with_key(raw, new_signer().public_key_pem())


def test_shards_name_no_content(signer: KeySigner, model: Path, tmp_path: Path) -> None:
    """Sharded signatures do not verify with their own command line, so there is nothing to be compatible with."""
    from model_signing import hashing, signing

    config = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "keys" / "k")
    config.set_hashing_config(hashing.Config().use_shard_serialization(shard_size=100)).sign(model, tmp_path / "m.sig")
    with pytest.raises(MalformedStatement, match="only files is read"):
        verify_with_key((tmp_path / "m.sig").read_bytes(), signer.public_key_pem())
