"""Signing a trust root or policy with the root key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attestflow.cli.options import passphrase_for

if TYPE_CHECKING:
    from attestflow.settings import Settings


def sign_with_root(
    settings: Settings,
    path: Path,
    check: Callable[[bytes], tuple[str, int, str]],
    passphrase_fd: int | None,
    *,
    as_json: bool,
) -> None:
    """Sign the document at `path` into `<path>.sigstore.json`; `check` parses it and gives (memory name, version, words).

    What a gate would refuse (malformed, an older version, the same version with other content) is not signed.
    """
    from attestflow.cli.output import line, print_json
    from attestflow.settings.files import read_guarded, write_whole
    from attestflow.verification.signed_document import sign_document, signature_path

    data = read_guarded(path, "document to sign")
    name, version, words = check(data)
    signer = settings.signer("root", passphrase_for(settings, "root", passphrase_fd))
    sha256 = hashlib.sha256(data).hexdigest()
    settings.account.advance(f"{signer.key_fingerprint}/{name}", version, sha256, words)
    write_whole(signature_path(path), sign_document(data, path.name, signer))
    if as_json:
        print_json({"signed": str(path), "version": version, "sha256": sha256})
    else:
        line(f"signed {path} (version {version}) with root key sha256:{signer.key_fingerprint}", style="green")
