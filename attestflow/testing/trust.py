"""Keys in memory and trust roots over them, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from attestflow.clock import format_time
from attestflow.signing.key import KeySigner
from attestflow.verification.ecdsa import ALGORITHM
from attestflow.verification.trust_root import API_VERSION, TrustRoot
from attestflow.verification.verifier import Verifier

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def new_signer() -> KeySigner:
    """A signer whose key exists in memory alone."""
    return KeySigner.in_memory()


@dataclass(frozen=True, slots=True)
class Person:
    """A functionary to be: its keys, and scopes as they stand in a trust root (a text is a predicate type alone)."""

    signers: Sequence[KeySigner]
    may: Sequence[str | Mapping[str, Any]]
    observed: bool = False
    valid_from: datetime = field(default=NOW - timedelta(days=1))
    valid_until: datetime = field(default=NOW + timedelta(days=365))


def trust_root_yaml(
    people: Mapping[str, Person], *, version: int = 1, expires: datetime = NOW + timedelta(days=365)
) -> bytes:
    """The YAML of a trust root that trusts `people`."""
    import yaml

    functionaries = {
        name: {
            "observed": person.observed,
            "keys": [
                {
                    "publicKey": signer.public_key_pem().decode("ascii"),
                    "algorithm": ALGORITHM,
                    "validFrom": format_time(person.valid_from),
                    "validUntil": format_time(person.valid_until),
                }
                for signer in person.signers
            ],
            "may": [{"predicateType": scope} if isinstance(scope, str) else dict(scope) for scope in person.may],
        }
        for name, person in people.items()
    }
    document = {
        "apiVersion": API_VERSION,
        "version": version,
        "expires": format_time(expires),
        "functionaries": functionaries,
    }
    return yaml.safe_dump(document, sort_keys=False).encode("utf-8")


def new_verifier(people: Mapping[str, Person], *, now: datetime = NOW) -> Verifier:
    """A verifier whose trust root trusts `people` and whose clock stands at `now`."""
    return Verifier(TrustRoot.parse(trust_root_yaml(people)), lambda: now)
