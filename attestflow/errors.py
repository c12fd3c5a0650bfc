"""The errors that attestflow raises, and nothing else imports from below this module.

::

    AttestflowError
    ├── ConfigurationError      the operator's fault: settings, keys, policies, arguments
    ├── SubjectError            these bytes cannot be named: symlink, device, bad name, changed while read
    ├── VerificationError       evidence that does not hold
    │   ├── SignatureError      the signature is not one by a key that counts
    │   ├── IdentityError       the signer may not say this
    │   ├── DigestMismatch      other bytes than the ones named
    │   └── MalformedStatement  a bundle, envelope, statement or listing that is not well formed
    ├── StoreError              the store did not answer; ``retryable`` says whether trying again may help
    └── PromotionBlocked        a gate said no; carries the verdict
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attestflow.verdict import Verdict


class AttestflowError(Exception):
    """Base of all: `message` says what was checked, expected and found; `hint` names the next command."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigurationError(AttestflowError):
    """Settings, keys, a policy, a trust root or an argument are not usable."""


class SubjectError(AttestflowError):
    """A file or tree cannot be given a digest: it holds what has no name here, or it changed while it was read."""


class VerificationError(AttestflowError):
    """Evidence was found and does not hold."""


class SignatureError(VerificationError):
    """No key that counts made this signature."""


class IdentityError(VerificationError):
    """The signature is good, but its signer is not trusted for this statement."""


class DigestMismatch(VerificationError):
    """The bytes are not the ones that the digest names."""


class MalformedStatement(VerificationError):
    """A document of evidence breaks its format or its limits."""


class StoreError(AttestflowError):
    """The store failed or reached a bound; `retryable` is true where trying again may help."""

    def __init__(self, message: str, *, retryable: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class PromotionBlocked(AttestflowError):
    """A gate refused; `verdict` says why, finding by finding."""

    def __init__(self, message: str, verdict: Verdict, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.verdict = verdict
