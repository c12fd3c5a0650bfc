"""`attestflow verify`: are these the bytes that a functionary signed?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attestflow.cli.options import common, load_settings, selection

if TYPE_CHECKING:
    from attestflow.verification.content import ContentAnswer


@click.command(name="verify")
@click.argument("target")
@selection
@click.option("--signature", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A bundle to check instead of the store.")
@click.option("--public-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM key that --signature must be by.")
@click.option("--sha256", "only_sha256", is_flag=True, help="Do not use BLAKE3 to find the attestation.")
@common
def command(
    target: str,
    include: tuple[str, ...],
    signature: Path | None,
    public_key: Path | None,
    only_sha256: bool,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Check that TARGET's bytes are the ones that a functionary signed.

    Exit 3 when nothing is known about these bytes (and which file changed since the last attestation of that name),
    4 when evidence was found and none of it holds.
    """
    if (signature is None) != (public_key is None):
        raise click.UsageError("--signature and --public-key go together")
    if signature is not None and public_key is not None:
        from attestflow.cli.verify_signature import verify_signature

        verify_signature(target, include, signature, public_key, as_json=as_json)
        return
    from attestflow.cli.lookup import look_up

    settings = load_settings(config, store)
    answer = look_up(target, include, settings.open_store(), settings.verifier(), sha256=only_sha256, quiet=as_json)
    raise SystemExit(_tell(answer, as_json=as_json))
