"""What `attestflow init` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from textwrap import indent

from attestflow.clock import format_time, utc_now
from attestflow.documents import shown
from attestflow.errors import ConfigurationError

ROLES = ("root", "pipeline", "validation", "owner", "verifier")
LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The settings file made, and the root key's fingerprint (hex SHA-256 of its DER SubjectPublicKeyInfo)."""

    settings: Path
    fingerprint: str


def scaffold(directory: Path, *, registry: str, store: str, passphrases: Mapping[str, bytes]) -> Scaffold:
    """Write keys, trust root, policy, settings and store below `directory`, all new.

    Raises ConfigurationError, before anything is written, where one of the files exists already.
    """
    from attestflow.settings import Settings
    from attestflow.settings.account import Account
    from attestflow.settings.schema import FILE_NAME
    from attestflow.signing.key import generate_key
    from attestflow.verification.signed_document import sign_document, signature_path

    directory = directory.absolute()
    settings_file, trust_file = directory / FILE_NAME, directory / "trust-root.yaml"
    policy_file, keys = directory / "policies" / "production.yaml", directory / "keys"
    for text, what in ((registry, "--registry"), (store, "--store")):
        if not text.isprintable() or '"' in text or "\\" in text or not text:
            raise ConfigurationError(f"{what} {shown(text)} must be plain text without quotes and backslashes")
    planned = [settings_file, trust_file, policy_file, signature_path(trust_file), signature_path(policy_file)]
    for path in (*planned, *(keys / f"{role}.key" for role in ROLES)):
        if path.exists():
            raise ConfigurationError(f"{shown(path)} exists: nothing was made", hint="`init` in an empty folder")
    directory.mkdir(parents=True, exist_ok=True)
    keys.mkdir(mode=0o700)
    signers = {role: generate_key(keys / f"{role}.key", passphrases.get(role)) for role in ROLES}
    now = utc_now()
    expires = format_time(now + LIFETIME)
    windows = {
        role: _key_yaml(signer.public_key_pem(), format_time(now - timedelta(minutes=5)), expires)
        for role, signer in signers.items()
        if role != "root"
    }
    trust = _template("trust-root.yaml").format(expires=expires, **windows).encode()
    policy = _template("production.yaml").replace("{expires}", expires).encode()
    fingerprint = signers["root"].key_fingerprint
    settings = _template("attestflow.toml").format(registry=registry, store=store, fingerprint=fingerprint).encode()
    policy_file.parent.mkdir(exist_ok=True)
    for path, data in ((trust_file, trust), (policy_file, policy)):
        _write_new(path, data)
        _write_new(signature_path(path), sign_document(data, path.name, signers["root"]))
    _write_new(settings_file, settings)
    Account.of(os.environ).accept(settings_file, settings)
    home = {name: value for name, value in os.environ.items() if name == "ATTESTFLOW_HOME"}
    made = Settings.load(config=settings_file, environ=home)
    made.open_store(create=True)
    made.trust_root()  # read once, so that this account knows the first versions and takes no other ones for them
    made.policy("production")
    return Scaffold(settings_file, fingerprint)


def _template(name: str) -> str:
    return files("attestflow.cli").joinpath("templates", name).read_text(encoding="utf-8")


def _key_yaml(pem: bytes, start: str, end: str) -> str:
    body = indent(pem.decode("ascii").strip(), " " * 10)
    return (
        f"      - algorithm: ecdsa-p256-sha256\n        publicKey: |\n{body}\n"
        f'        validFrom: "{start}"\n        validUntil: "{end}"'
    )


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(data)
