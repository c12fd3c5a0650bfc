"""The gate in front of MLflow's own store: what it asks, what it lets through, and that nobody slips between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from attestflow.clock import utc_now
from attestflow.errors import ConfigurationError
from attestflow.integrations.mlflow.server.promotion import Promotions, Refusal, Request
from attestflow.integrations.mlflow.server.registry_store import GatedStore, gated_registry_store

from .conftest import PRODUCTION, Registry


def refused(call: Callable[[], Any], message: str | None = None) -> dict[str, Any]:
    """The call is refused with 403; what programs read."""
    with pytest.raises(MlflowException, match=message) as caught:
        call()
    assert caught.value.get_http_status_code() == 403, caught.value
    told: dict[str, Any] = json.loads(caught.value.serialize_as_json())
    assert told["attestflow"]["result"] == "denied"
    assert all(each["rule"] and each["message"] for each in told["attestflow"]["findings"])
    return told


def test_an_alias_needs_evidence(registry: Registry) -> None:
    store = registry.store
    unknown = registry.version("m", "1/unknown", attested=False, text="unknown")
    known = registry.version("m", "1/known", attested=True, text="known")
    told = refused(lambda: store.set_registered_model_alias("m", "production", unknown), "content-attested")
    assert told["attestflow"]["transition"] == {"registry": "tests", "model": "m", "to": "alias:production"}
    assert registry.aliases("m") == {}
    store.set_registered_model_alias("m", "production", str(known))
    assert registry.aliases("m") == {"production": known}


@pytest.mark.parametrize("alias", ["Production", "PRODUCTION", "ｐｒｏｄｕｃｔｉｏｎ", "pro\u017ftage"])
def test_spellings(registry: Registry, alias: str) -> None:
    registry.policy([{"models": ["*"], "aliases": ["production", "prostage"]}])
    version = registry.version("m", "1/m", attested=False)
    refused(lambda: registry.store.set_registered_model_alias("m", alias, version))
    assert registry.aliases("m") == {}


def test_what_is_not_guarded_is_not_even_read(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.server import constants

    registry.version("m", "1/m", attested=False)
    monkeypatch.delenv(constants.SERVE_ARTIFACTS_ENV_VAR)
    registry.store.set_registered_model_alias("m", "staging", 1)
    registry.store.transition_model_version_stage("m", 1, "Staging", False)
    refused(lambda: registry.store.set_registered_model_alias("m", "production", 1), "does not serve artifacts")


def test_mlflows_own_errors_stay(registry: Registry) -> None:
    registry.version("m", "1/m", attested=True)
    for name, version, code in [("none", 1, "RESOURCE_DOES_NOT_EXIST"), ("m", 7, "RESOURCE_DOES_NOT_EXIST")]:
        with pytest.raises(MlflowException) as caught:
            registry.store.set_registered_model_alias(name, "production", version)
        assert caught.value.error_code == code
    with pytest.raises(MlflowException) as caught:
        registry.store.transition_model_version_stage("m", 1, "Nowhere", False)
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_stage_and_back(registry: Registry) -> None:
    store = registry.store
    registry.policy([{"models": ["*"], "stages": ["*"]}])
    unknown = registry.version("m", "1/a", attested=False, text="a")
    known = registry.version("m", "1/b", attested=True, text="b")
    for stage in ("Production", "production", "Staging"):
        refused(lambda stage=stage: store.transition_model_version_stage("m", unknown, stage, False))
    store.transition_model_version_stage("m", known, "Production", False)
    store.transition_model_version_stage("m", known, "Archived", False)
    store.transition_model_version_stage("m", known, "None", False)
    assert store.get_model_version("m", known).current_stage == "None"


def test_archiving_what_was_there(registry: Registry) -> None:
    store = registry.store
    first = registry.version("m", "1/a", attested=True, text="a")
    second = registry.version("m", "1/b", attested=True, text="b")
    store.transition_model_version_stage("m", first, "Production", True)
    store.transition_model_version_stage("m", second, "Production", True)
    stages = [store.get_model_version("m", number).current_stage for number in (first, second)]
    assert stages == ["Archived", "Production"]


def test_what_is_in_production_stands_in_the_verdict(registry: Registry) -> None:
    store = registry.store
    first = registry.version("m", "1/a", attested=True, text="a")
    other = registry.version("m", "1/b", attested=False, text="b")
    store.set_registered_model_alias("m", "production", first)
    from attestflow.subject import measure

    there = str(measure(registry.folder / "artifacts/1/a").content)
    told = refused(lambda: store.set_registered_model_alias("m", "production", other))
    assert told["attestflow"]["production"] == there
    # A look-alike is judged as what it looks like.
    assert (
        refused(lambda: store.set_registered_model_alias("m", "PRODUCTION", other))["attestflow"]["production"] == there
    )


def test_creating_is_promoting_where_latest_is_guarded(registry: Registry) -> None:
    store = registry.store
    registry.policy([{"models": ["live-*"], "aliases": ["latest"]}])
    unknown = registry.version("draft", "1/a", attested=False, text="a")
    known = registry.version("draft", "1/b", attested=True, text="b")
    store.create_registered_model("live-m")
    refused(lambda: store.create_model_version("live-m", "mlflow-artifacts:/1/a"), "alias:latest")
    refused(lambda: store.create_model_version("live-m", f"models:/draft/{unknown}"), "alias:latest")
    refused(lambda: store.create_model_version("live-m", "s3://elsewhere/m"), "where not only this server writes")
    refused(lambda: store.create_model_version("live-m", "models:/draft@champion"), "no fixed place")
    made = store.create_model_version("live-m", f"models:/draft/{known}")
    assert store.get_model_version_download_uri("live-m", made.version) == "mlflow-artifacts:/1/b"
    refused(lambda: store.rename_registered_model("draft", "live-n"), "alias:latest")


def test_a_rename_carries_nothing_along(registry: Registry) -> None:
    store = registry.store
    registry.policy([{**PRODUCTION, "models": ["credit-*"]}])
    registry.version("scratch", "1/a", attested=False, text="a")
    store.set_registered_model_alias("scratch", "production", 1)
    refused(lambda: store.rename_registered_model("scratch", "credit-risk"), "alias:production")
    refused(lambda: store.rename_registered_model("scratch", "CREDIT-risk"), "alias:production")
    registry.version("credit-risk", "1/b", attested=True, text="b")
    store.transition_model_version_stage("credit-risk", 1, "Production", False)
    refused(lambda: store.rename_registered_model("credit-risk", "away"), "stage:Production")
    store.transition_model_version_stage("credit-risk", 1, "Archived", False)
    store.rename_registered_model("credit-risk", "away")
    store.delete_registered_model_alias("scratch", "production")
    store.rename_registered_model("scratch", "credit-risk")


def test_reserved_tags(registry: Registry) -> None:
    store = registry.store
    version = registry.version("m", "1/a", attested=False)
    for key in ("attestflow.verdict", "AttestFlow.x", "ａttestflow.y"):
        for call in (
            lambda key=key: store.set_registered_model_tag("m", RegisteredModelTag(key, "passed")),
            lambda key=key: store.set_model_version_tag("m", version, ModelVersionTag(key, "passed")),
            lambda key=key: store.delete_registered_model_tag("m", key),
            lambda key=key: store.delete_model_version_tag("m", version, key),
            lambda key=key: store.create_registered_model("n", tags=[RegisteredModelTag(key, "passed")]),
            lambda key=key: store.create_model_version("m", "mlflow-artifacts:/1/a", tags=[ModelVersionTag(key, "x")]),
        ):
            refused(call, "gate's own")
        # A copy brings along the tags of its original: what the gate said of that one stays behind.
        copied = [ModelVersionTag(key, "passed"), ModelVersionTag("team", "blue")]
        assert store.create_model_version("m", "models:/m/1", tags=copied).tags == {"team": "blue"}
    store.set_model_version_tag("m", version, ModelVersionTag("team", "blue"))
    store.delete_model_version_tag("m", version, "team")


class Meddling(Promotions):
    """The real gate, and somebody who acts right after it has looked."""

    def __init__(self, promotions: Promotions, attack: Callable[[], None]) -> None:
        super().__init__(promotions._load)
        self.attack = attack

    def prepare(self, versions: Any, freezes: Any, request: Request) -> Any:
        prepared = super().prepare(versions, freezes, request)
        self.attack()
        return prepared


def test_another_version_under_the_same_number(registry: Registry) -> None:
    store = registry.store
    registry.version("m", "1/good", attested=True, text="good")
    evil = registry.files("1/evil", "evil")

    def attack() -> None:
        store.delete_registered_model("m")
        store.create_registered_model("m")
        store.create_model_version("m", evil)

    store.promotions = Meddling(store.promotions, attack)
    refused(lambda: store.set_registered_model_alias("m", "production", 1), "changed while the gate decided")
    assert registry.aliases("m") == {}


def test_evidence_taken_away_between_the_look_and_the_write(registry: Registry) -> None:
    """What was seen when the files were read does not carry over: the decision is made in the transaction that writes."""
    store = registry.store
    registry.version("m", "1/a", attested=True, text="a")

    def attack() -> None:
        for each in (registry.folder / "attestations" / "by-subject").rglob("*.sigstore.json"):
            each.unlink()

    store.promotions = Meddling(store.promotions, attack)
    refused(lambda: store.set_registered_model_alias("m", "production", 1), "not attested")
    assert registry.aliases("m") == {}


def test_files_released_between_the_look_and_the_write(registry: Registry) -> None:
    store = registry.store
    registry.version("m", "1/a", attested=True, text="a")

    def attack() -> None:
        with store.freezes.engine.begin() as connection:
            assert store.freezes.release(connection, "1/a")
        (registry.folder / "artifacts/1/a/MLmodel").write_text("poison")

    store.promotions = Meddling(store.promotions, attack)
    refused(lambda: store.set_registered_model_alias("m", "production", 1), "changed while the gate decided")
    assert registry.aliases("m") == {}


def test_a_commit_that_fails_promotes_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict is recorded before the database commits: then it says that it might, and the alias is not set."""
    from sqlalchemy.orm import Session

    store = registry.store
    registry.version("m", "1/a", attested=True, text="a")
    commit, decide = Session.commit, store.promotions.decide

    def broken(self: Any) -> None:
        raise OSError("the disk is full")

    def decided(prepared: Any) -> Any:
        monkeypatch.setattr(Session, "commit", broken)
        return decide(prepared)

    monkeypatch.setattr(store.promotions, "decide", decided)
    with pytest.raises(MlflowException):
        store.set_registered_model_alias("m", "production", 1)
    monkeypatch.setattr(Session, "commit", commit)
    assert registry.aliases("m") == {}


def test_two_promotions_race_for_one_alias(registry: Registry) -> None:
    store, decide = registry.store, registry.store.promotions
    first = registry.version("m", "1/a", attested=True, text="a")
    second = registry.version("m", "1/b", attested=True, text="b")

    def other_wins() -> None:
        store.promotions = decide
        store.set_registered_model_alias("m", "production", second)

    store.promotions = Meddling(decide, other_wins)
    refused(lambda: store.set_registered_model_alias("m", "production", first), "changed while the gate decided")
    assert registry.aliases("m") == {"production": second}


def test_a_retry_of_what_was_done_is_not_a_rollback(registry: Registry) -> None:
    """Setting an alias where it is asks nothing; where it moved meanwhile it is not moved back."""
    store = registry.store
    registry.version("m", "1/a", attested=True, text="a")
    store.set_registered_model_alias("m", "production", 1)
    decisions = registry.decisions("1/a")
    assert len(decisions) == 1
    store.set_registered_model_alias("m", "production", 1)
    assert registry.decisions("1/a") == decisions
    store.set_registered_model_alias("m", "Production", 1)
    assert len(registry.decisions("1/a")) == 2


def test_a_policy_that_only_warns(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    registry.policy([PRODUCTION], mode="warn")
    registry.version("m", "1/a", attested=False)
    logger = logging.getLogger("mlflow.attestflow")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "mlflow.attestflow")
    try:
        registry.store.set_registered_model_alias("m", "production", 1)
    finally:
        logger.removeHandler(caplog.handler)
    assert "only warns" in caplog.text
    assert "content-attested" in caplog.text


def test_broken_settings_refuse_promotions_and_let_jobs_register(registry: Registry) -> None:
    store = registry.store
    registry.version("m", "1/a", attested=True)
    policy = registry.folder / "policies" / "production.yaml"
    policy.write_bytes(policy.read_bytes() + b"# edited, not signed\n")
    refused(lambda: store.set_registered_model_alias("m", "production", 1), "could not be decided")
    refused(lambda: store.set_registered_model_alias("m", "staging", 1), "could not be decided")
    refused(
        lambda: (
            store.rename_registered_model("m", "n")
            if registry.aliases("m")
            else store.transition_model_version_stage("m", 1, "Staging", False)
        )
    )
    store.create_model_version("m", "mlflow-artifacts:/1/a")
    registry.settings().trust_root_file.unlink()  # type: ignore[union-attr]
    refused(lambda: store.set_registered_model_alias("m", "production", 1), "could not be decided")


def test_an_expired_policy_refuses(registry: Registry) -> None:
    registry.version("m", "1/a", attested=True)
    registry.policy([PRODUCTION], expires=timedelta(seconds=-5))
    refused(lambda: registry.store.set_registered_model_alias("m", "production", 1), "expired")


@pytest.mark.parametrize("off", [timedelta(days=-2), timedelta(days=5000)])
def test_a_clock_that_is_wrong_refuses(registry: Registry, off: timedelta) -> None:
    """Too early, and what was signed is of the future; too late, and policy and trust root expired."""
    registry.version("m", "1/a", attested=True)
    registry.store.promotions = Promotions(lambda: replace(registry.settings(), clock=lambda: utc_now() + off))
    refused(lambda: registry.store.set_registered_model_alias("m", "production", 1))
    assert registry.aliases("m") == {}


def test_a_fault_of_our_own_refuses(registry: Registry) -> None:
    def broken() -> Any:
        raise RuntimeError("boom")

    registry.version("m", "1/a", attested=True)
    registry.store.promotions = Promotions(broken)
    told = refused(lambda: registry.store.set_registered_model_alias("m", "production", 1), "RuntimeError")
    assert "boom" not in json.dumps(told)


def test_hostile_names_are_shown_escaped(registry: Registry) -> None:
    name = "m\u202e\x1b[31m"
    registry.version(name, "1/a", attested=False)
    told = refused(lambda: registry.store.set_registered_model_alias(name, "production", 1))
    assert "\u202e" not in told["message"]
    assert "\x1b" not in told["message"]


def test_papers_of_one_workspace_are_none_in_another(registry: Registry) -> None:
    version = registry.version("m", "1/a", attested=False)
    asked = Request("m", version, "alias:production", "mlflow-artifacts:/1/a", (), workspace="team-a", actor="eve")
    with pytest.raises(Refusal) as caught:
        registry.store.promotions.prepare(registry.store, registry.store.freezes, asked)
    assert caught.value.verdict["transition"]["registry"] == "tests/team-a"


def test_a_database_that_folds_accents_takes_plain_aliases(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    version = registry.version("m", "1/a", attested=False)
    monkeypatch.setattr(registry.store, "db_type", "mysql")
    for alias in ("produ\u0107tion", "pr\u00f8duction", "staging\n"):
        refused(lambda alias=alias: registry.store.set_registered_model_alias("m", alias, version), "plain letters")
    registry.store.set_registered_model_alias("m", "staging", version)


def test_every_method_that_writes_is_known() -> None:
    """A method that a later MLflow adds to its store is looked at before the gate is said to hold."""
    gated = {name for name in vars(GatedStore) if not name.startswith("_")} - {"note", "guarded_holders"}
    harmless = {
        "delete_model_version",
        "delete_registered_model",
        "delete_registered_model_alias",
        "update_model_version",
        "update_registered_model",
        "create_webhook",
        "delete_webhook",
        "update_webhook",
        "test_webhook",
    }
    # Written in terms of the others, in the abstract store.
    derived = {
        "copy_model_version",
        "create_prompt",
        "create_prompt_version",
        "delete_prompt",
        "delete_prompt_alias",
        "delete_prompt_tag",
        "delete_prompt_version",
        "delete_prompt_version_tag",
        "link_prompt_version_to_model",
        "link_prompt_version_to_run",
        "link_prompts_to_trace",
        "set_prompt_alias",
        "set_prompt_tag",
        "set_prompt_version_tag",
    }
    public = {
        name for name in dir(SqlAlchemyStore) if not name.startswith("_") and callable(getattr(SqlAlchemyStore, name))
    }
    writing = {name for name in public if not name.startswith(("get_", "search_", "list_"))}
    assert writing == gated | harmless | derived
    assert not derived & set(vars(SqlAlchemyStore))


def test_the_server_does_not_start_where_nothing_is_guarded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server import constants

    uri = f"attestflow:sqlite:///{registry.folder / 'mlflow.db'}"
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(registry.config))
    assert gated_registry_store(uri).get_registered_model
    guarded = f"attestflow+{(registry.folder / 'artifacts').as_uri()}"
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, "s3://bucket")
    with pytest.raises(MlflowException, match="could be replaced"):
        gated_registry_store(uri)
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, guarded)
    registry.policy([])
    with pytest.raises(MlflowException, match="no policy protects anything"):
        gated_registry_store(uri)
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(registry.folder / "none.toml"))
    with pytest.raises(MlflowException, match="does not exist"):
        gated_registry_store(uri)


def test_a_verifiers_key_that_cannot_be_opened_stops_the_start(registry: Registry) -> None:
    (registry.folder / "keys" / "verifier.key").write_text("no key")
    with pytest.raises(ConfigurationError):
        registry.store.promotions.check_start()
