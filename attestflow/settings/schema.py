"""`attestflow.toml`: what stands in it, read strictly."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

FILE_NAME = "attestflow.toml"
EVENTS = ("denied", "excepted", "watch")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The content of one settings file; relative paths are already joined to its folder."""

    registry: str | None
    store: str | None
    trust_root: Path | None
    root_key: Path | None
    root_fingerprint: str | None
    policies: Mapping[str, Path]
    keys: Mapping[str, Path]
    alerts: AlertSettings
    opa: Path | None


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """`[alerts]`: a webhook with the file of its secret, a file of Apprise URLs, and the events that are sent."""

    webhook: str | None = None
    webhook_secret: Path | None = None
    apprise: Path | None = None
    on: tuple[str, ...] = EVENTS


def parse_settings(data: bytes, path: Path) -> SettingsFile:
    """Read the bytes of `attestflow.toml` (TOML 1.0). Unknown keys and wrong types raise ConfigurationError with the place."""
    what = f"settings {shown(path)}"
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ConfigurationError(f"{what}: {exc}", hint="see docs/settings.md for each key") from None
    _only(document, {"registry", "store", "trust", "policies", "keys", "alerts", "rego"}, what, "")
    trust = _table(document, "trust", what)
    _only(trust, {"root", "root_key", "root_fingerprint"}, what, "trust.")
    base = path.absolute().parent

    def file(table: Mapping[str, Any], key: str, place: str) -> Path | None:
        value = _text(table, key, what, place)
        return None if value is None else base / value

    store = _text(document, "store", what, "")
    if store is not None and "://" not in store:
        store = str(base / store)
    return SettingsFile(
        registry=_text(document, "registry", what, ""),
        store=store,
        trust_root=file(trust, "root", "trust."),
        root_key=file(trust, "root_key", "trust."),
        root_fingerprint=_text(trust, "root_fingerprint", what, "trust."),
        policies=_files(document, "policies", what, base),
        keys=_files(document, "keys", what, base),
        alerts=_alerts(document, what, base),
        opa=file(_rego(document, what), "opa", "rego."),
    )


def _rego(document: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    table = _table(document, "rego", what)
    _only(table, {"opa"}, what, "rego.")
    return table


def _alerts(document: Mapping[str, Any], what: str, base: Path) -> AlertSettings:
    table = _table(document, "alerts", what)
    _only(table, {"webhook", "webhook_secret", "apprise", "on"}, what, "alerts.")
    webhook = _text(table, "webhook", what, "alerts.")
    secret, apprise = (_text(table, key, what, "alerts.") for key in ("webhook_secret", "apprise"))
    if (webhook is None) is not (secret is None):
        raise ConfigurationError(f"{what}: alerts.webhook and alerts.webhook_secret go together")
    on = table.get("on", list(EVENTS))
    if not isinstance(on, list) or not on or not set(map(str, on)) <= set(EVENTS):
        raise ConfigurationError(f"{what}: alerts.on must list some of {', '.join(EVENTS)}")
    return AlertSettings(
        webhook, base / secret if secret else None, base / apprise if apprise else None, tuple(map(str, on))
    )


def _files(document: Mapping[str, Any], name: str, what: str, base: Path) -> dict[str, Path]:
    table = _table(document, name, what)
    return {key: base / str(_text(table, key, what, f"{name}.")) for key in table}


def _table(document: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise ConfigurationError(f"{what}: {name} must be a table")
    return value


def _text(table: Mapping[str, Any], key: str, what: str, place: str) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{what}: {place}{key} must be text that is not empty")
    return value


def _only(table: Mapping[str, Any], allowed: set[str], what: str, place: str) -> None:
    for key in table:
        if key not in allowed:
            raise ConfigurationError(
                f"{what}: unknown key {shown(place + key)}", hint=f"it may hold {', '.join(sorted(allowed))}"
            )
