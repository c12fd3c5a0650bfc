"""Subject and predicate in, signed attestation in the store out: sign, verify again, store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from attestflow.clock import format_time, utc_now
from attestflow.predicates import reference
from attestflow.statement import Statement
from attestflow.subject import Measurement, ResourceDescriptor

if TYPE_CHECKING:
    from attestflow.bundle import Bundle
    from attestflow.signing.interface import Signer
    from attestflow.store.interface import Store
    from attestflow.verification.verifier import Verifier

ContentKind = Literal["dataset", "model", "code"]


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed statement as it lies in the store; `identity` is the SHA-256 (hex) of its DSSE PAE."""

    identity: str
    bundle: Bundle
    statement: Statement


@dataclass(frozen=True, slots=True)
class Attester:
    """Makes attestations with one signer into one store.

    `verifier` is the trust root's: what it would not accept is not stored. Without one (a machine that holds no trust
    root) the signer still checks each signature with its own public key.
    """

    store: Store
    signer: Signer
    verifier: Verifier | None = None
    clock: Callable[[], datetime] = utc_now

    def attest(self, statement: Statement) -> Attestation:
        """Sign `statement` (DSSE in a Sigstore bundle v0.3), verify the bundle again, store it.

        Raises IdentityError when the trust root does not let this signer say this, StoreError when it cannot be kept;
        in both cases nothing is left in the store.
        """
        bundle = self.signer.sign(statement)
        if self.verifier is not None:
            self.verifier.verify(bundle)
        return Attestation(self.store.put(bundle), bundle, statement)

    def attest_content(
        self, measured: Measurement, *, kind: ContentKind, annotations: Mapping[str, Any] | None = None
    ) -> Attestation:
        """Attest which bytes a file or tree is (in-toto reference/v0.1); its listings go into the store first."""
        for listing in (measured.listing, measured.blake3_listing):
            if listing is not None:
                self.store.put_listing(listing)
        subject = measured.descriptor(kind=kind, **(annotations or {}))
        predicate = reference.Reference.of(measured).to_json()
        return self.attest_predicate([subject], reference.PREDICATE_TYPE, predicate)

    def attest_predicate(
        self, subjects: Sequence[ResourceDescriptor], predicate_type: str, predicate: Mapping[str, Any]
    ) -> Attestation:
        """Attest `predicate` about `subjects`; each subject is stamped with `createdOn` (RFC 3339, UTC) and `signer`.

        `signer` is the key's fingerprint. Nobody believes it; it keeps two people who say the same thing in the same
        second from being one attestation, whose identity is the digest of what was said.
        """
        stamp = {"createdOn": format_time(self.clock()), "signer": self.signer.key_fingerprint}
        stamped = [replace(subject, annotations={**subject.annotations, **stamp}) for subject in subjects]
        return self.attest(Statement.build(stamped, predicate_type, predicate))
