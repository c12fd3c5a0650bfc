"""Fuzz the bundle parser and the verifier: python fuzz_bundle.py CORPUS -max_total_time=60.

Only the documented exceptions may escape, and whatever is verified holds the one payload that was ever signed.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["attestflow"]):
    from attestflow.bundle import Bundle
    from attestflow.errors import MalformedStatement, VerificationError
    from attestflow.testing.trust import NOW
    from attestflow.verification.key import verify_with_key
    from attestflow.verification.trust_root import TrustRoot
    from attestflow.verification.verifier import Verifier

# The seed corpus comes with the trust root that its bundles verify under; see test_fuzz.py.
SETUP = Path(sys.argv[1]).with_name("setup")
VERIFIER = Verifier(TrustRoot.parse((SETUP / "trust-root.yaml").read_bytes()), lambda: NOW)
PEM = (SETUP / "k.pub").read_bytes()
SIGNED = {path.read_bytes() for path in SETUP.glob("*.payload")}


def one_input(data: bytes) -> None:
    """Parse, and try to verify in both ways."""
    try:
        bundle = Bundle.parse(data)
    except MalformedStatement:
        return
    assert Bundle.parse(bundle.raw) == bundle
    assert len(bundle.identity) == 64
    if bundle.key_hint is not None and not bundle.proofs:
        again = Bundle.build(bundle.envelope, bundle.key_hint)
        assert (again.envelope, again.key_hint, again.identity) == (bundle.envelope, bundle.key_hint, bundle.identity)
    with contextlib.suppress(VerificationError):
        assert VERIFIER.verify(bundle).statement.payload in SIGNED
    with contextlib.suppress(VerificationError):
        assert verify_with_key(bundle, PEM).statement.payload in SIGNED


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
