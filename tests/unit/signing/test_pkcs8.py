"""signing.pkcs8: what we encrypt, others decrypt, and guessing is slow."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from attestflow.signing.key import generate_key
from attestflow.signing.pkcs8 import ROUNDS, encrypted_pem

KEY = ec.generate_private_key(ec.SECP256R1())
INFO = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@given(st.binary(min_size=1, max_size=80), st.integers(1, 300))
def test_cryptography_reads_it(passphrase: bytes, rounds: int) -> None:
    found = load_pem_private_key(encrypted_pem(INFO, passphrase, rounds=rounds), passphrase)
    assert found.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == INFO


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_reads_it_and_counts_the_rounds(tmp_path: Path) -> None:
    signer = generate_key(tmp_path / "k", b"a secret")
    run = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "k", "-passin", "pass:a secret", "-pubout"],
        capture_output=True,
        check=True,
    )
    assert run.stdout == signer.public_key_pem()
    dump = subprocess.run(["openssl", "asn1parse", "-in", tmp_path / "k"], capture_output=True, check=True).stdout
    assert f":{ROUNDS:06X}".encode() in dump
    assert ROUNDS >= 600_000


def test_two_files_of_one_key_differ() -> None:
    assert encrypted_pem(INFO, b"x", rounds=1) != encrypted_pem(INFO, b"x", rounds=1)
