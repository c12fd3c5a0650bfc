"""Trust roots: who may say what, with which keys, when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from attestflow.clock import parse_time
from attestflow.documents import parse_yaml, shown
from attestflow.errors import ConfigurationError, MalformedStatement
from attestflow.predicates import vsa
from attestflow.statement import check_type_uri
from attestflow.verification.ecdsa import ALGORITHM, PublicKey
from attestflow.verification.scope import FIELD_TYPES, Scope

API_VERSION = "attestflow.dev/trust-root/v1"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_DIGEST_SUITE = re.compile(r"sha256:(?![0-9a-f]{64}$)")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A functionary's key and when it counts: from `valid_from` on and before `valid_until` (UTC)."""

    key: PublicKey
    valid_from: datetime
    valid_until: datetime

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the DER SubjectPublicKeyInfo."""
        return self.key.fingerprint

    @property
    def pem(self) -> bytes:
        """The public key as PEM."""
        return self.key.pem


@dataclass(frozen=True, slots=True)
class Functionary:
    """A person or service: its keys, what it may say, and whether task code is kept from its credentials."""

    name: str
    keys: tuple[TrustedKey, ...]
    may: tuple[Scope, ...]
    observed: bool = False


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """A parsed trust root; whoever loads one checks its signature first. `sha256` is of the YAML bytes."""

    version: int
    expires: datetime
    functionaries: Mapping[str, Functionary]
    sha256: str
    source: bytes = field(default=b"", repr=False, compare=False)

    def owner_of(self, fingerprint: str) -> str | None:
        """The functionary that has a key of this fingerprint (SHA-256 of its DER SubjectPublicKeyInfo, hex); None: nobody."""
        for name, functionary in self.functionaries.items():
            if any(key.fingerprint == fingerprint for key in functionary.keys):
                return name
        return None

    @classmethod
    def parse(cls, data: bytes) -> TrustRoot:
        """Read a trust root (YAML); raises ConfigurationError with the place for whatever is not as it must be."""
        document = _object(parse_yaml(data, "trust root", error=ConfigurationError), "trust root")
        _only(document, {"apiVersion", "version", "expires", "functionaries"}, set(), "trust root")
        if document["apiVersion"] != API_VERSION:
            raise ConfigurationError(
                f"trust root: apiVersion is {shown(document['apiVersion'], 80)}, not {API_VERSION}"
            )
        version = document["version"]
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ConfigurationError("trust root: version is no whole number from 1 on")
        expires = _time(document["expires"], "trust root: expires")
        people = _object(document["functionaries"], "trust root: functionaries")
        if not people:
            raise ConfigurationError("trust root: functionaries: nobody is trusted for anything")
        functionaries = {name: _functionary(name, value) for name, value in people.items()}
        _no_doubles(functionaries)
        return cls(version, expires, functionaries, hashlib.sha256(data).hexdigest(), data)


def _functionary(name: str, value: object) -> Functionary:
    where = f"trust root: functionaries.{name if _NAME.fullmatch(name) else shown(name, 80)}"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: a name is 1 to 100 letters, digits and ._@+- and begins with a letter or digit"
        )
    entry = _object(value, where)
    _only(entry, {"keys", "may"}, {"observed"}, where)
    observed = entry.get("observed", False)
    if not isinstance(observed, bool):
        raise ConfigurationError(f"{where}.observed: neither true nor false")
    keys = [_key(item, at) for item, at in _items(entry["keys"], f"{where}.keys")]
    may = [_scope(item, at) for item, at in _items(entry["may"], f"{where}.may")]
    types = {scope.predicate_type for scope in may}
    if vsa.PREDICATE_TYPE in types and len(types) > 1:
        raise ConfigurationError(
            f"{where}.may: the verifier role signs nothing else, and this one may sign {len(types) - 1} other predicate types",
            hint=f"give {vsa.PREDICATE_TYPE} to a functionary of its own",
        )
    return Functionary(name, tuple(keys), tuple(may), observed)


def _key(value: object, where: str) -> TrustedKey:
    entry = _object(value, where)
    _only(entry, {"publicKey", "algorithm", "validFrom", "validUntil"}, set(), where)
    if entry["algorithm"] != ALGORITHM:
        raise ConfigurationError(f"{where}.algorithm: {shown(entry['algorithm'], 60)}; only {ALGORITHM} is known")
    pem = _text(entry["publicKey"], f"{where}.publicKey")
    key = PublicKey.load(pem.encode("utf-8"), f"{where}.publicKey")
    start, end = (_time(entry[name], f"{where}.{name}") for name in ("validFrom", "validUntil"))
    if end <= start:
        raise ConfigurationError(f"{where}.validUntil: not after validFrom")
    return TrustedKey(key, start, end)


def _scope(value: object, where: str) -> Scope:
    entry = _object(value, where)
    _only(entry, {"predicateType"}, {"kinds", "buildTypes", "suites", "documents", "names"}, where)
    try:
        predicate_type = check_type_uri(entry["predicateType"], f"{where}.predicateType")
    except MalformedStatement as exc:
        raise ConfigurationError(exc.message) from None
    lists = {name: _texts(entry[name], f"{where}.{name}") for name in entry if name != "predicateType"}
    for name in lists:
        if FIELD_TYPES.get(name, predicate_type) != predicate_type:
            raise ConfigurationError(f"{where}.{name}: only for {FIELD_TYPES[name]}")
    if any(_DIGEST_SUITE.match(suite) for suite in lists.get("suites", ())):
        raise ConfigurationError(f"{where}.suites: sha256: is followed by 64 lower-case hex digits")
    if not set(lists.get("documents", ())) <= {"bom", "vex"}:
        raise ConfigurationError(f"{where}.documents: bom and vex are known")
    return Scope(
        predicate_type,
        kinds=lists.get("kinds", ()),
        build_types=lists.get("buildTypes", ()),
        suites=lists.get("suites", ()),
        documents=lists.get("documents", ()),
        names=lists.get("names", ()),
    )


def _no_doubles(functionaries: Mapping[str, Functionary]) -> None:
    """A key speaks for one functionary, and no two functionaries have names that a reader takes for one."""
    owners: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name, functionary in functionaries.items():
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise ConfigurationError(f"trust root: functionaries {other} and {name} differ in case alone")
        for key in functionary.keys:
            owner = owners.setdefault(key.fingerprint, name)
            if owner != name or sum(each.fingerprint == key.fingerprint for each in functionary.keys) > 1:
                raise ConfigurationError(
                    f"trust root: key sha256:{key.fingerprint} stands twice, under {owner} and {name}"
                )


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where}: not a mapping")
    return value


def _only(value: Mapping[str, Any], required: set[str], optional: set[str], where: str) -> None:
    missing, unknown = required - value.keys(), value.keys() - required - optional
    if missing or unknown:
        odd = ", ".join(shown(name, 40) for name in sorted(missing or unknown)[:5])
        raise ConfigurationError(f"{where}: {'missing' if missing else 'unknown'} field {odd}")


def _items(value: object, where: str) -> list[tuple[object, str]]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"{where}: no list of at least one")
    return [(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where}: no text")
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    if value == []:
        raise ConfigurationError(f"{where}: an empty list allows nothing", hint="leave the field out to allow any")
    return tuple(_text(item, at) for item, at in _items(value, where))


def _time(value: object, where: str) -> datetime:
    return parse_time(value, where, error=ConfigurationError)
