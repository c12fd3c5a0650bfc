"""`attestflow doctor`: is everything there, and does it work together?"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from attestflow.cli.options import common, load_settings
from attestflow.documents import shown

if TYPE_CHECKING:
    from attestflow.settings import Settings


@click.command(name="doctor")
@common
def command(config: str | None, store: str | None, as_json: bool) -> None:
    """Check settings, store, trust root, policies and keys; exit 1 when something is wrong."""
    from attestflow.cli import EXIT_ERROR
    from attestflow.cli.output import line, print_json

    rows = [_try(name, check) for name, check in _checks(config, store)]
    healthy = all(row["ok"] for row in rows)
    if as_json:
        print_json({"ok": healthy, "checks": rows})
    else:
        for row in rows:
            line(
                f"  {'ok  ' if row['ok'] else 'FAIL'}  {row['check']}: {row['found']}",
                style=None if row["ok"] else "red",
            )
            if row["hint"]:
                line(f"        hint: {row['hint']}")
    if not healthy:
        raise click.exceptions.Exit(EXIT_ERROR)


def _try(name: str, check: Callable[[], str]) -> dict[str, object]:
    from attestflow.errors import AttestflowError

    try:
        return {"check": name, "ok": True, "found": check(), "hint": None}
    except AttestflowError as exc:
        return {"check": name, "ok": False, "found": exc.message, "hint": exc.hint}


def _checks(config: str | None, store: str | None) -> list[tuple[str, Callable[[], str]]]:
    def settings() -> Settings:
        return load_settings(config, store)

    checks: list[tuple[str, Callable[[], str]]] = [
        ("settings", lambda: _settings(settings())),
        ("store", lambda: _store(settings())),
        ("trust root", lambda: _trust_root(settings())),
    ]
    try:
        known = settings()
    except Exception:  # the first check says what is wrong with them
        return checks[:1]
    checks += [(f"policy {name}", lambda name=name: _policy(known, name)) for name in known.policies]  # type: ignore[misc]
    checks += [(f"key {role}", lambda role=role: _key(known, role)) for role in known.keys]  # type: ignore[misc]
    return [*checks, ("alerts", lambda: _alerts(known)), ("Rego", lambda: _rego(known)), ("switched on", _switched_on)]


def _settings(settings: Settings) -> str:
    source = settings.source or "no file: flags and environment only"
    return f"{source}{'' if settings.accepted else ' (found, NOT accepted: attestflow trust allow)'}"


def _store(settings: Settings) -> str:
    opened = settings.open_store()
    opened.probe()
    return f"{opened.url} can be written and read"


def _trust_root(settings: Settings) -> str:
    root = settings.trust_root()
    return f"version {root.version}, {len(root.functionaries)} functionaries, until {root.expires:%Y-%m-%d}"


def _policy(settings: Settings, name: str) -> str:
    policy = settings.policy(name)
    protects = "" if policy.protections else "; it protects NOTHING"
    return (
        f"version {policy.version}, {len(policy.rules)} rules, {policy.mode}, until {policy.expires:%Y-%m-%d}{protects}"
    )


def _key(settings: Settings, role: str) -> str:
    from attestflow.signing.key import KeySigner, is_encrypted

    path = settings.keys[role]
    if not path.exists():
        return "not on this machine"
    if is_encrypted(path):
        return "encrypted"
    return f"plain, sha256:{KeySigner.load(path, None).key_fingerprint[:12]}…"


def _alerts(settings: Settings) -> str:
    settings.alerts()
    named = settings.alerting
    channels = [name for name, given in (("webhook", named.webhook), ("Apprise", named.apprise)) if given]
    return f"{' and '.join(channels)}: {', '.join(named.on)}" if channels else "nobody is told anything"


def _rego(settings: Settings) -> str:
    """What evaluates Rego, and what of its confinement this kernel gives."""
    import importlib.util

    from attestflow.policy.rego.process import Child

    if importlib.util.find_spec("regorus") is None:
        return "not installed: policies in Rego deny (pip install 'attestflow[rego]')"
    child = Child()
    try:
        missing = sorted({"limits", "no-files", "no-network"} - set(child.confined))
    finally:
        child.close()
    engine = f"{settings.opa}, launched" if settings.opa else "regorus, in a child"
    return f"{engine} with {', '.join(child.confined)}{'; this kernel does NOT give ' + ', '.join(missing) if missing else ''}"


def _switched_on() -> str:
    """What changes how other tools behave, in this environment. Servers are asked for nothing."""
    found = []
    if load := os.environ.get("ATTESTFLOW_MLFLOW_LOAD"):
        known = load in ("require", "warn")
        found.append(
            f"MLflow verifies what it loads ({load})" if known else f"MLflow loads NOTHING: unknown mode {shown(load)}"
        )
    if os.environ.get("MLFLOW_REGISTRY_URI", "").startswith("attestflow+"):
        found.append(
            f"MLflow signs what it registers (as {shown(os.environ.get('ATTESTFLOW_MLFLOW_ROLE') or 'pipeline')})"
        )
    gate = "an MLflow server has a gate where its --registry-store-uri begins with attestflow:"
    return "; ".join([*(found or ["nothing in this environment"]), gate])
