"""promote, freeze, history, audit and adopt: what they say before they ask any registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run

COMMANDS = ("promote", "freeze", "history", "audit", "adopt")


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    assert "--json" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("promote", "models:/churn/1"), 2, "--to"),
        (("promote", "churn", "--to", "production"), 1, "names no version"),
        (("promote", "models:/churn@production", "--to", "production"), 2, "one version"),
        (("promote", "models:/churn/1", "--to", "lane:x"), 1, "no transition"),
        (("promote", "models:/churn/1", "--to", "production"), 1, "no registry is named"),
        (("freeze", "models:/churn/latest"), 2, "one version"),
        (("freeze", "models:/churn/1"), 1, "no registry is named"),
        (("history", "models:/churn/1"), 2, "an alias or a stage"),
        (("history", "models:/churn"), 1, "names no version"),
        (("history", "models:/a/b/c"), 1, "names no version"),
        (("audit",), 1, "no registry is named"),
        (("adopt",), 1, "no registry is named"),
    ],
)
def test_what_is_asked_wrongly(made: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    ran = made(*arguments)
    assert ran.code == code, ran
    assert words in ran.out + ran.err


def test_history_needs_no_registry(made: Run) -> None:
    ran = made("history", "models:/churn@production")
    assert ran.code == 0
    assert "no gate ever decided about it" in ran.out
    assert "set MLFLOW_TRACKING_URI" in ran.out
    assert made("history", "models:/churn@production", "--json").json["decisions"] == []


def test_adopt_needs_the_verifiers_key(made: Run, project: Path) -> None:
    settings = project / "attestflow.toml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("verifier")]
    settings.write_text("\n".join(lines) + "\n")
    assert made("trust", "allow", str(settings)).code == 0
    ran = made("adopt", "http://127.0.0.1:9")
    assert ran.code == 1
    assert "no verifier's key" in ran.err


@pytest.mark.parametrize("command", ["audit", "adopt"])
def test_a_policy_that_protects_nothing(made: Run, project: Path, command: str) -> None:
    policy = project / "policies" / "production.yaml"
    text = policy.read_text().replace("version: 1", "version: 2")
    start, end = text.index("protects:"), text.index("rules:")
    policy.write_text(text[:start] + "protects: []\n\n" + text[end:])
    assert made("policy", "sign", str(policy)).code == 0
    ran = made(command, "http://127.0.0.1:9")
    assert ran.code == 1
    assert "protects anything" in ran.err


def test_a_database_that_is_not_there_is_not_made(made: Run, project: Path) -> None:
    ran = made("audit", f"sqlite:///{project}/nowhere.db")
    assert ran.code == 1
    assert "is not there" in ran.err
    assert not (project / "nowhere.db").exists()
