"""The verifier: a bundle and a trust root in, a `VerifiedStatement` out, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from datetime import datetime

from attestflow.bundle import Bundle
from attestflow.clock import format_time
from attestflow.documents import shown
from attestflow.errors import ConfigurationError, IdentityError, SignatureError
from attestflow.statement import Statement
from attestflow.verification.ecdsa import check_material
from attestflow.verification.trust_root import Functionary, TrustedKey, TrustRoot

_TOKEN = object()


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement that a functionary signed, with a key that counts now, and was allowed to say.

    `identity` is SHA-256 (hex) of the PAE, `observed` the functionary's. Only `Verifier.verify` makes one.
    """

    statement: Statement
    functionary: str
    key_fingerprint: str
    identity: str
    observed: bool
    bundle: Bundle
    token: InitVar[object] = None

    def __post_init__(self, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only Verifier.verify makes a VerifiedStatement")


class Verifier:
    """Verifies bundles against one trust root; `clock` gives the time (aware, UTC) that windows are judged by."""

    def __init__(self, trust_root: TrustRoot, clock: Callable[[], datetime]) -> None:
        self.trust_root = trust_root
        self._clock = clock
        self._keys: dict[str, tuple[Functionary, TrustedKey]] = {}
        for functionary in trust_root.functionaries.values():
            for trusted in functionary.keys:
                for hint in trusted.key.hints:
                    self._keys[hint] = (functionary, trusted)

    def verify(self, bundle: Bundle | bytes) -> VerifiedStatement:
        """The verified statement of a key-signed bundle.

        Raises MalformedStatement (not well formed), SignatureError (no key of the trust root signed these bytes),
        IdentityError (its key does not count now, or its functionary may not say this), ConfigurationError (the trust
        root has expired). The payload is parsed only after its signature holds.
        """
        now = self._clock()
        if now >= self.trust_root.expires:
            raise ConfigurationError(
                f"the trust root (version {self.trust_root.version}) expired on {format_time(self.trust_root.expires)}",
                hint="get the current one; its owner raises `version`, sets `expires` and runs `attestflow trust sign`",
            )
        # From the bytes in any case: what a caller holds as parsed may be about other bytes than those it will store.
        parsed = Bundle.parse(bundle.raw if isinstance(bundle, Bundle) else bundle)
        check_material(parsed)
        found = self._keys.get(parsed.key_hint or "")
        if found is None:
            raise SignatureError(f"no functionary has the key that the hint {shown(parsed.key_hint, 80)} names")
        functionary, trusted = found
        trusted.key.check(parsed)
        _check_window(functionary, trusted, now)
        statement = Statement.parse(parsed.envelope.payload)
        _check_scope(functionary, statement)
        return VerifiedStatement(
            statement=statement,
            functionary=functionary.name,
            key_fingerprint=trusted.fingerprint,
            identity=parsed.identity,
            observed=functionary.observed,
            bundle=parsed,
            token=_TOKEN,
        )


def _check_window(functionary: Functionary, trusted: TrustedKey, now: datetime) -> None:
    if trusted.valid_from <= now < trusted.valid_until:
        return
    # Whoever holds a retired key can write any date into a statement; only a time stamp by someone else would count.
    window = f"{format_time(trusted.valid_from)} to {format_time(trusted.valid_until)}"
    raise IdentityError(
        f"the key sha256:{trusted.fingerprint} of {functionary.name} counts from {window}, and it is {format_time(now)}; "
        "when it signed is not proven, and this version reads no trusted timestamps",
        hint=f"attest again with a current key of {functionary.name}",
    )


def _check_scope(functionary: Functionary, statement: Statement) -> None:
    objections = []
    for scope in functionary.may:
        objection = scope.objection(statement)
        if objection is None:
            return
        if scope.predicate_type == statement.predicate_type:
            objections.append(objection)
    why = "; ".join(objections) or "no scope of it has this predicate type"
    raise IdentityError(
        f"{functionary.name} may not sign this {shown(statement.predicate_type)}: {why}",
        hint="the trust root says who may say what (`attestflow trust show`)",
    )
