"""`verify --signature BUNDLE --public-key PEM`: any bundle over a target, without a store."""

from __future__ import annotations

from pathlib import Path

from attestflow.cli.output import fields, line, print_json
from attestflow.cli.target import resolve_target


def verify_signature(
    target: str, include: tuple[str, ...], signature: Path, public_key: Path, *, as_json: bool
) -> None:
    """Check that `signature` is by `public_key` and is about TARGET's bytes. VerificationError otherwise."""
    from attestflow.documents import shown
    from attestflow.errors import DigestMismatch
    from attestflow.predicates import contents
    from attestflow.verification.key import verify_with_key

    verified = verify_with_key(signature.read_bytes(), public_key.read_bytes())
    about = resolve_target(target, include=include, quiet=as_json)
    found = contents(verified.statement)
    if about.content not in found:
        raise DigestMismatch(
            f"the signature is good, but it is about {', '.join(map(str, found)) or 'nothing'}, and {shown(target)} is "
            f"{about.content}",
            hint="a file was changed, added or removed after signing",
        )
    if as_json:
        document = {"verified": True, "digest": str(about.content), "bytesRead": about.measured is not None}
        print_json({**document, "predicateType": verified.statement.predicate_type, "identity": verified.identity})
        return
    line(f"VERIFIED  {target}", style="green")
    note = None if about.measured else "no bytes were read: the digest was taken as given"
    fields({"digest": about.content, "type": verified.statement.predicate_type, "key": public_key, "note": note})
