"""A stage for one case: the functionaries of the real trust root with keys of their own, and an empty store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from attestflow.attest import Attester
from attestflow.clock import format_time
from attestflow.digest import LISTING_MEDIA_TYPE, ContentDigest, Listing
from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError
from attestflow.signing.key import KeySigner
from attestflow.store.interface import Store
from attestflow.store.remote import RemoteStore
from attestflow.subject import ResourceDescriptor
from attestflow.verification.trust_root import TrustRoot
from attestflow.verification.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Cast:
    """The functionaries of a trust root, each with a key that exists in memory alone, and the root that trusts them."""

    signers: Mapping[str, KeySigner]
    root: TrustRoot

    @classmethod
    def of(cls, trust_root: TrustRoot, now: datetime) -> Cast:
        """The same names and scopes as in `trust_root`, with other keys."""
        import yaml

        document = parse_yaml(trust_root.source, "trust root", error=ConfigurationError)
        signers = {name: KeySigner.in_memory() for name in trust_root.functionaries}
        window = {
            "validFrom": format_time(now - timedelta(days=3650)),
            "validUntil": format_time(now + timedelta(days=1)),
        }
        for name, signer in signers.items():
            key = {"algorithm": "ecdsa-p256-sha256", "publicKey": signer.public_key_pem().decode("ascii"), **window}
            document["functionaries"][name]["keys"] = [key]
        document["expires"] = format_time(now + timedelta(days=1))
        return cls(signers, TrustRoot.parse(yaml.safe_dump(document, sort_keys=False).encode()))

    def able(self, predicate_type: str, *, given: object = None, kind: str | None = None) -> str:
        """The functionary `given`, or the first that may sign this type (and kind). ConfigurationError where nobody may."""
        if given is not None:
            if given not in self.signers:
                raise ConfigurationError(f"the trust root knows no {shown(given)}", hint=", ".join(self.signers))
            return str(given)
        for name, functionary in self.root.functionaries.items():
            for scope in functionary.may:
                if scope.predicate_type == predicate_type and (not scope.kinds or kind is None or kind in scope.kinds):
                    return name
        raise ConfigurationError(
            f"nobody in the trust root may sign {shown(predicate_type)}", hint="leave that step out with `without`"
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one case plays: its cast, its store, and its time."""

    cast: Cast
    store: Store
    now: datetime

    @classmethod
    def new(cls, cast: Cast, now: datetime) -> Stage:
        """An empty one."""
        return cls(cast, RemoteStore(f"memory://attestflow-rehearsal-{os.urandom(8).hex()}", create=True), now)

    @property
    def verifier(self) -> Verifier:
        """Verifies what the cast signs."""
        return Verifier(self.cast.root, lambda: self.now)

    def says(
        self, who: str, subject: ResourceDescriptor, predicate_type: str, predicate: Mapping[str, Any], age: timedelta
    ) -> str:
        """Sign and store an attestation as of `age` ago, whether or not the trust root allows it; its identity."""
        attester = Attester(self.store, self.cast.signers[who], None, lambda: self.now - age)
        return attester.attest_predicate([subject], predicate_type, predicate).identity

    def tree(self, name: str, files: Mapping[str, str], **notes: Any) -> ResourceDescriptor:
        """The descriptor of a tree of these files (name to SHA-256), whose listing is put into the store."""
        listing = Listing.of((digest, file) for file, digest in files.items())
        self.store.put_listing(listing)
        return ResourceDescriptor(
            name=f"{name}/", digest={"sha256": listing.sha256}, media_type=LISTING_MEDIA_TYPE, annotations=notes
        )


def content_of(descriptor: ResourceDescriptor) -> ContentDigest:
    """The content that a descriptor names."""
    content = descriptor.content()
    assert content is not None
    return content
