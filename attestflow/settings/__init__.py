"""From flags, environment and file to the parts that work: store, signers, trust root, policies, gate.

Precedence: a flag, then `ATTESTFLOW_*`, then `attestflow.toml` found upwards from the working directory. A file that was
merely found names a trust root, keys or policies only if this account accepted its path and bytes (`attestflow init` and
`attestflow trust allow` do); flags and environment need no such thing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from attestflow.clock import utc_now
from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.settings.account import Account
from attestflow.settings.files import read_guarded
from attestflow.settings.schema import FILE_NAME, AlertSettings, parse_settings

if TYPE_CHECKING:
    from attestflow.alerts.dispatch import Alerts
    from attestflow.attest import Attester
    from attestflow.gate import Gate
    from attestflow.policy.schema import Policy
    from attestflow.signing.key import KeySigner
    from attestflow.store.interface import Store
    from attestflow.verdict import Verdict
    from attestflow.verification.trust_root import TrustRoot
    from attestflow.verification.verifier import Verifier

DEFAULT_REGISTRY = "default"
VERIFIER_ROLE = "verifier"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where everything is. Values come from `load`; the methods open what they name, at each call anew."""

    source: Path | None = None
    accepted: bool = True
    registry: str = DEFAULT_REGISTRY
    store_url: str | None = None
    trust_root_file: Path | None = None
    root_key_file: Path | None = None
    root_fingerprint: str | None = None
    policies: Mapping[str, Path] = field(default_factory=dict)
    keys: Mapping[str, Path] = field(default_factory=dict)
    alerting: AlertSettings = field(default_factory=AlertSettings)
    opa: Path | None = None
    account: Account = field(default_factory=lambda: Account.of(os.environ))
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def load(
        cls,
        *,
        config: str | Path | None = None,
        store: str | None = None,
        cwd: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Settings for this process. `config` and `store` are the flags' values; `environ` holds ATTESTFLOW_CONFIG,
        _STORE, _REGISTRY, _TRUST_ROOT, _ROOT_KEY, _ROOT_FINGERPRINT, _HOME.

        Raises ConfigurationError for a file that is malformed, or that another user may write.
        """
        account = Account.of(environ)
        named = config or environ.get("ATTESTFLOW_CONFIG")
        path = Path(named).absolute() if named else _found(cwd or Path.cwd())
        settings = cls(account=account)
        if path is not None:
            data = read_guarded(path, "settings")
            file = parse_settings(data, path)
            settings = cls(
                source=path,
                accepted=named is not None or account.accepts(path, data),
                registry=file.registry or DEFAULT_REGISTRY,
                store_url=file.store,
                trust_root_file=file.trust_root,
                root_key_file=file.root_key,
                root_fingerprint=file.root_fingerprint,
                policies=file.policies,
                keys=file.keys,
                alerting=file.alerts,
                opa=file.opa,
                account=account,
            )
        return settings._with_environment(environ, store)

    def _with_environment(self, environ: Mapping[str, str], store: str | None) -> Settings:
        changed = replace(
            self,
            store_url=store or environ.get("ATTESTFLOW_STORE") or self.store_url,
            registry=environ.get("ATTESTFLOW_REGISTRY") or self.registry,
        )
        root = environ.get("ATTESTFLOW_TRUST_ROOT")
        key, fingerprint = environ.get("ATTESTFLOW_ROOT_KEY"), environ.get("ATTESTFLOW_ROOT_FINGERPRINT")
        if root or key or fingerprint:
            if not (root and (key or fingerprint)):
                raise ConfigurationError(
                    "ATTESTFLOW_TRUST_ROOT and ATTESTFLOW_ROOT_KEY (or _ROOT_FINGERPRINT) go together",
                    hint="set both: a trust root counts only under a root key named at the same place",
                )
            changed = replace(
                changed,
                accepted=True,
                # What the file names beside its own trust root does not carry over to another one.
                policies=self.policies if self.accepted else {},
                keys=self.keys if self.accepted else {},
                alerting=self.alerting if self.accepted else AlertSettings(),
                opa=self.opa if self.accepted else None,
                trust_root_file=Path(root).absolute(),
                root_key_file=Path(key).absolute() if key else self.root_key_file if self.accepted else None,
                root_fingerprint=fingerprint,
            )
        return changed

    def open_store(self, *, create: bool = False) -> Store:
        """The evidence store. Raises ConfigurationError when none is named, StoreError when it is not there."""
        from attestflow.store import open_store

        if self.store_url is None:
            raise ConfigurationError(
                "no store is named", hint="run `attestflow init`, or give --store URL or ATTESTFLOW_STORE"
            )
        return open_store(self.store_url, create=create)

    def signer(self, role: str, passphrase: bytes | None = None) -> KeySigner:
        """The signer of a role (`pipeline`, `validation`, `owner`, `verifier`, `root`, or one that the file adds)."""
        from attestflow.signing.key import KeySigner

        self._require_accepted("keys")
        path = self.keys.get(role)
        if path is None:
            known = ", ".join(sorted(self.keys)) or "none"
            raise ConfigurationError(
                f"no key is named for {shown(role)}; the settings name {known}", hint=f"add it under [keys]: {role} = …"
            )
        return KeySigner.load(path, passphrase)

    def functionary(self, role: str) -> str:
        """Who signs as `role` in the eyes of the trust root, told from the public half of its key where that lies beside it.

        Raises ConfigurationError where that key is nobody's, and where it is encrypted and its public half is not there.
        """
        from attestflow.signing.keyfile import public_path
        from attestflow.verification.key import fingerprint

        self._require_accepted("keys")
        path = public_path(self.keys[role]) if role in self.keys else None
        if path is not None and path.exists():
            named = fingerprint(read_guarded(path, f"public key of {role}"))
        else:
            named = self.signer(role).key_fingerprint
        found = self.trust_root().owner_of(named)
        if found is None:
            raise ConfigurationError(
                f"the trust root knows nobody with the key of {shown(role)}, sha256:{named}",
                hint="`attestflow trust show` says whom it knows",
            )
        return found

    def attester(self, role: str, passphrase: bytes | None = None) -> Attester:
        """Signs as `role` into the store, checked by the trust root before anything is stored."""
        from attestflow.attest import Attester

        return Attester(self.open_store(), self.signer(role, passphrase), self.verifier(), self.clock)

    def trust_root(self) -> TrustRoot:
        """The trust root, its signature by the pinned root key checked, not expired, and never an older version."""
        self._require_accepted("a trust root")
        if self.trust_root_file is None:
            raise ConfigurationError(
                "no trust root is named", hint="run `attestflow init`, or set ATTESTFLOW_TRUST_ROOT"
            )
        data = self._signed(self.trust_root_file, "trust root")
        root = _parsed_trust_root(data)
        if root.expires <= self.clock():
            raise ConfigurationError(
                f"the trust root {shown(self.trust_root_file)} expired", hint="renew it, then `attestflow trust sign`"
            )
        self.account.advance(f"{self._pinned()}/trust-root", root.version, root.sha256, "the trust root")
        return root

    def verifier(self) -> Verifier:
        """Verifies bundles under the trust root."""
        from attestflow.verification.verifier import Verifier

        return Verifier(self.trust_root(), self.clock)

    def policy(self, name: str) -> Policy:
        """A policy by its name in the settings or by its path; signed by the root key, not expired, never an older one."""
        self._require_accepted("policies")
        path = self.policy_file(name)
        policy = parsed_policy(self._signed(path, "policy"), path)
        if policy.expires <= self.clock():
            raise ConfigurationError(
                f"the policy {shown(policy.name)} expired", hint="renew it, then `attestflow policy sign`"
            )
        self.account.advance(
            f"{self._pinned()}/policy/{policy.name}", policy.version, policy.sha256, f"the policy {shown(policy.name)}"
        )
        return policy

    def policy_file(self, name: str) -> Path:
        """The path behind a policy's name, or `name` itself where it is a path of a file."""
        if name in self.policies:
            return self.policies[name]
        if "/" in name or name.endswith((".yaml", ".yml")):
            return Path(name).absolute()
        known = ", ".join(sorted(self.policies)) or "none"
        raise ConfigurationError(
            f"no policy is named {shown(name)}; the settings name {known}", hint="give one of them, or a path"
        )

    def gate(self, policy: str, *, sign: bool = True) -> Gate:
        """A gate over this store, trust root and policy; it signs its verdicts when a verifier's key is configured."""
        from attestflow.gate import Gate

        signer = self.signer(VERIFIER_ROLE) if sign and VERIFIER_ROLE in self.keys else None
        parts = (self.open_store(), self.verifier(), self.policy(policy), self.clock, signer, self._notify(signer))
        return Gate(*parts, self.opa)

    def _notify(self, signer: object) -> Callable[[Verdict], None] | None:
        """Alerts that cannot be used are said in the log, and by `doctor`; they decide nothing, so they deny nothing."""
        if signer is None:
            return None
        try:
            return self.alerts().verdict
        except ConfigurationError as exc:
            logging.getLogger("attestflow.alerts").error("no alerts are sent: %s", exc.message)
            return None

    def alerts(self) -> Alerts:
        """Where alerts go, one for all callers in this process. Settings that were only found send nothing.

        Raises ConfigurationError where what `[alerts]` names cannot be used.
        """
        return _alerts(self.alerting if self.accepted else AlertSettings())

    def _require_accepted(self, what: str) -> None:
        if not self.accepted:
            raise ConfigurationError(
                f"settings {shown(self.source)} were found here, but not accepted on this account: they name no {what}",
                hint=f"read them, then `attestflow trust allow {self.source}`; or name them with --config",
            )

    def _signed(self, path: Path, what: str) -> bytes:
        from attestflow.verification.signed_document import signature_path, verify_document

        data = read_guarded(path, what)
        bundle = read_guarded(signature_path(path), f"signature of the {what}")
        keys = [] if self.root_key_file is None else [read_guarded(self.root_key_file, "root public key")]
        verify_document(data, bundle, keys, [self._pinned()], f"{what} {shown(path)}")
        return data

    def _pinned(self) -> str:
        from attestflow.verification.key import fingerprint

        if self.root_fingerprint is not None:
            return self.root_fingerprint.removeprefix("sha256:")
        if self.root_key_file is not None:
            return fingerprint(read_guarded(self.root_key_file, "root public key"))
        raise ConfigurationError(
            "no root key is pinned, so nothing says whose trust root this is",
            hint="run `attestflow init`, or set ATTESTFLOW_ROOT_KEY",
        )


# A server asks at each call. The bytes and their signature are read and checked each time; what they say is the same.
@lru_cache(maxsize=16)
def _parsed_trust_root(data: bytes) -> TrustRoot:
    from attestflow.verification.trust_root import TrustRoot

    return TrustRoot.parse(data)


def parsed_policy(data: bytes, path: Path) -> Policy:
    """The policy in `data`, whose files lie in the folder of `path`. Raises ConfigurationError."""
    known = _policies.get(data)
    if known is None:
        from attestflow.policy.loader import load_policy

        known = load_policy(data, lambda name, sha256: read_guarded(path.parent / name, "file of a policy"))
        while len(_policies) >= _KEPT:
            _policies.pop(next(iter(_policies)), None)
        _policies[data] = known
    return known


_KEPT = 16
_policies: dict[bytes, Policy] = {}  # files that a policy names by digest belong to its bytes


@lru_cache(maxsize=16)
def _alerts(named: AlertSettings) -> Alerts:
    from attestflow.alerts.apprise_channel import AppriseChannel
    from attestflow.alerts.dispatch import Alerts, Channel
    from attestflow.alerts.webhook import Webhook

    channels: list[Channel] = []
    if named.webhook is not None and named.webhook_secret is not None:
        secret = read_guarded(named.webhook_secret, "secret of the webhook").decode("utf-8", "replace")
        channels.append(Webhook.of(named.webhook, secret))
    if named.apprise is not None:
        channels.append(AppriseChannel.of(read_guarded(named.apprise, "file for Apprise").decode("utf-8", "replace")))
    return Alerts(channels, named.on)


def _found(start: Path) -> Path | None:
    for folder in (start.absolute(), *start.absolute().parents):
        candidate = folder / FILE_NAME
        if candidate.is_file():
            return candidate
    return None
