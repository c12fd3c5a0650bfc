"""The hook: from a connection to settings, and nothing silently other than what the connection names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attestflow.cli.scaffold import scaffold
from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.hooks.attestflow import AttestflowHook

pytestmark = pytest.mark.airflow


@pytest.fixture
def config(project: Path) -> Path:
    made = scaffold(project / "evidence", registry="test", store="attestations", passphrases={"owner": b"secret"})
    return made.settings


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    def connect(conn_id: str = "evidence", **fields: Any) -> AttestflowHook:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "attestflow", **fields}))
        return AttestflowHook(conn_id)

    return connect


def test_fields_of_the_connection(connect: Any, config: Path, project: Path) -> None:
    other = str(project / "other-store")
    hook = connect(extra={"config": str(config), "role": "validation", "store": other})
    settings = hook.settings()
    assert (settings.source, settings.store_url, hook.role(), hook.role("owner")) == (
        config,
        other,
        "validation",
        "owner",
    )


def test_the_passphrase_opens_the_key_of_the_role(connect: Any, config: Path) -> None:
    extra = {"config": str(config), "role": "owner"}
    assert connect(password="secret", extra=extra).attester().signer.key_fingerprint
    for wrong in ("wrong", None):
        with pytest.raises(ConfigurationError, match="passphrase"):
            connect(password=wrong, extra=extra).attester()


def test_the_passphrase_is_for_no_other_role(connect: Any, config: Path) -> None:
    hook = connect(password="secret", extra={"config": str(config), "role": "pipeline"})
    with pytest.raises(ConfigurationError, match="passphrase"):
        hook.attester("owner")


def test_without_the_default_connection_settings_are_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(config))
    hook = AttestflowHook()
    assert (hook.settings().source, hook.role()) == (config, "pipeline")


def test_another_connection_must_exist(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(config))
    with pytest.raises(ConfigurationError, match='no Airflow connection "evidence"'):
        AttestflowHook("evidence").settings()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "http"}, "not attestflow"),
        ({"extra": "{broken"}, "extra"),
        ({"extra": "[1]"}, "JSON object"),
        ({"extra": {"confg": "/x"}}, 'unknown field "confg"'),
        ({"extra": {"role": 7}}, "role must be text"),
        ({"extra": {"config": "/nowhere/attestflow.toml"}}, "does not exist"),
    ],
)
def test_a_broken_connection_never_falls_back(
    connect: Any, config: Path, fields: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(config))  # usable settings that must not be taken instead
    with pytest.raises(AttestflowError, match=message):
        connect("attestflow_default", **fields).settings()


def test_the_test_button(connect: Any, config: Path, project: Path) -> None:
    good, text = connect(extra={"config": str(config)}).test_connection()
    assert (good, "signed as pipeline" in text) == (True, True)
    store = project / "evidence" / "attestations"
    assert not list(store.glob("by-subject/**/*.json"))  # the probe is thrown away


def test_the_test_button_without_a_key(connect: Any, config: Path) -> None:
    (config.parent / "keys" / "pipeline.key").unlink()
    good, text = connect(extra={"config": str(config)}).test_connection()
    assert not good
    assert "pipeline.key" in text


def test_the_test_button_with_a_role_that_may_not_attest(connect: Any, config: Path) -> None:
    good, text = connect(extra={"config": str(config), "role": "validation"}).test_connection()
    assert not good
    assert "validation" in text


def test_the_test_button_without_a_store(connect: Any, config: Path) -> None:
    import shutil

    shutil.rmtree(config.parent / "attestations")
    good, text = connect(extra={"config": str(config)}).test_connection()
    assert not good
    assert "attestations" in text


def test_the_gate(connect: Any, config: Path) -> None:
    assert connect(extra={"config": str(config)}).gate("production").policy.name == "production"
