"""Other people's verifiers. `make interop` fetches them; without it their tests skip and say so.

ATTESTFLOW_INTEROP_REQUIRED names those (`node cosign opa`) whose absence is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attestflow.signing.key import KeySigner, generate_key

Run = subprocess.CompletedProcess[str]


@pytest.fixture
def signer(tmp_path: Path) -> KeySigner:
    """A signer whose key lies in `keys/k` and `keys/k.pub`."""
    (tmp_path / "keys").mkdir()
    return generate_key(tmp_path / "keys" / "k")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with a dotfile, blanks, accents, an empty file, and names that sort differently by bytes and by parts."""
    folder = tmp_path / "my model"
    (folder / "a").mkdir(parents=True)
    for name in ("a.b", "a/b", "a-b", ".hidden", "naïve modèle.txt", "weights.bin"):
        (folder / name).write_bytes(name.encode() * 100)
    (folder / "empty").touch()
    return folder


@pytest.fixture
def model_signing() -> Callable[..., Run]:
    """OMS's command line."""

    def run(*arguments: str | Path) -> Run:
        return _run([sys.executable, "-W", "ignore", "-m", "model_signing", *map(str, arguments)])

    return run


@pytest.fixture
def node() -> Callable[..., Run]:
    """Sigstore's JavaScript verifier over a bundle and a public key."""
    folder = Path(__file__).parent / "js"
    found = shutil.which("node")
    if found is None or not (folder / "node_modules" / "@sigstore" / "verify").is_dir():
        _absent("node", "node, or the packages of tests/conformance/js, are not installed")

    def run(*arguments: str | Path) -> Run:
        return _run([str(found), str(folder / "verify.mjs"), *map(str, arguments)])

    return run


@pytest.fixture
def opa() -> Path:
    """The reference evaluator of Rego."""
    found = shutil.which("opa")
    if found is None:
        _absent("opa", "opa is not installed")
    return Path(str(found))


@pytest.fixture
def cosign(tmp_path: Path) -> Callable[..., Run]:
    """cosign's command line, kept from any network by having no home and no proxy to go through."""
    found = shutil.which("cosign")
    if found is None:
        _absent("cosign", "cosign is not installed")

    def run(*arguments: str | Path) -> Run:
        return _run([str(found), *map(str, arguments)], HOME=str(tmp_path), HTTPS_PROXY="http://127.0.0.1:9")

    return run


def _absent(tool: str, reason: str) -> None:
    if tool in os.environ.get("ATTESTFLOW_INTEROP_REQUIRED", "").split():
        pytest.fail(f"{reason}, and ATTESTFLOW_INTEROP_REQUIRED asks for it")
    pytest.skip(f"{reason}: run `make interop`")


def _run(command: list[str], **environment: str) -> Run:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )
