"""`attestflow verify`: are these the bytes that a functionary signed?"""

from __future__ import annotations

from pathlib import Path

import click

from attestflow.cli.options import common, load_settings, selection

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="verify")
@click.argument("target")
@selection
@click.option("--signature", type=_FILE, metavar="BUNDLE", help="Check this bundle (ours or OMS), without a store.")
@click.option("--public-key", type=_FILE, metavar="PEM", help="The key that --signature must be by.")
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
    from attestflow.cli.answer import tell_answer
    from attestflow.cli.output import progress
    from attestflow.cli.target import SHA256, is_digest, local_target
    from attestflow.digest import ContentDigest
    from attestflow.subject import measure, measure_quickly
    from attestflow.verify import verify_digest, verify_target

    settings = load_settings(config, store)
    evidence, verifier = settings.open_store(), settings.verifier()
    if is_digest(target):
        content = ContentDigest.parse(target)
        raise click.exceptions.Exit(
            tell_answer(verify_digest(content, evidence, verifier), target, read=False, as_json=as_json)
        )
    path, name = local_target(target)
    with progress(f"Reading {target}", quiet=as_json) as callback:
        answer = verify_target(
            None if only_sha256 else lambda: measure_quickly(path, name=name, include=include, progress=callback),
            lambda: measure(path, name=name, include=include, algorithms=SHA256, progress=callback),
            evidence,
            verifier,
        )
    raise click.exceptions.Exit(tell_answer(answer, target, read=True, as_json=as_json))
