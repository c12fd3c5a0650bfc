"""The twelve ways in which a version becomes production in MLflow, each tried on a stock server and on ours.

The attacker holds nothing but the server's address: curl on both API prefixes, or a plain MlflowClient. What they promote
was never attested. On the stock server each way works; on ours the answer is 403 and nothing has changed; and the
same steps with attested bytes go through, so it is the evidence that decides. (10) is in test_mlflow_frozen_files.py;
(12) cannot be stopped, and `attestflow audit` finds it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from attestflow.clock import utc_now
from attestflow.integrations.mlflow.resolve import resolve
from attestflow.subject import measure

from .registry import Side, fresh, in_production, refused

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

ALIASES = ["production", "PRODUCTION", "ｐｒｏｄｕｃｔｉｏｎ"]


@pytest.mark.parametrize("alias", ALIASES)
def test_01_alias(stock: Side, ours: Side, via: str, alias: str) -> None:
    name = fresh("credit")
    assert stock.call(via, "alias", name=name, alias=alias, version=stock.version(name, attested=False))[0] == 200
    assert stock.aliases(name)
    refused(ours.call(via, "alias", name=name, alias=alias, version=ours.version(name, attested=False)))
    assert ours.aliases(name) == {}
    assert ours.call(via, "alias", name=name, alias=alias, version=ours.version(name, attested=True))[0] == 200


@pytest.mark.parametrize("stage", ["Production", "pRODUCTION"])
def test_02_stage(stock: Side, ours: Side, via: str, stage: str) -> None:
    name = fresh("credit")

    def ask(side: Side, version: str) -> tuple[int, dict[str, Any]]:
        body = {"name": name, "version": version, "stage": stage, "archive_existing_versions": True}
        return side.call(via, "stage", **body)

    assert ask(stock, stock.version(name, attested=False))[0] == 200
    evil = ours.version(name, attested=False)
    refused(ask(ours, evil))
    assert ours.client.get_model_version(name, evil).current_stage == "None"
    assert ask(ours, ours.version(name, attested=True))[0] == 200


def test_03_copy_of_another_models_version(stock: Side, ours: Side, via: str) -> None:
    name, draft = fresh("live"), fresh("draft")
    for side in (stock, ours):
        side.client.create_registered_model(name)

    def ask(side: Side, *, attested: bool) -> tuple[int, dict[str, Any]]:
        version = side.version(draft, attested=attested)
        return side.call(via, "create", name=name, source=f"models:/{draft}/{version}")

    assert ask(stock, attested=False)[0] == 200
    refused(ask(ours, attested=False))
    assert list(ours.client.search_model_versions(f"name = '{name}'")) == []
    assert ask(ours, attested=True)[0] == 200


def test_04_create_in_a_served_model(stock: Side, ours: Side, via: str) -> None:
    name = fresh("live")
    for side in (stock, ours):
        side.client.create_registered_model(name)

    def ask(side: Side, *, attested: bool) -> tuple[int, dict[str, Any]]:
        uri = side.model(fresh(name), attested=attested)
        return side.call(via, "create", name=name, source=uri, model_id=uri.removeprefix("models:/"))

    assert ask(stock, attested=False)[0] == 200
    refused(ask(ours, attested=False))
    assert list(ours.client.search_model_versions(f"name = '{name}'")) == []
    assert ask(ours, attested=True)[0] == 200


def test_05_rename_from_frees_the_name(stock: Side, ours: Side, via: str) -> None:
    name, aside, evil = fresh("credit"), fresh("aside"), fresh("evil")
    for side in (stock, ours):
        in_production(side, name)
        side.client.set_registered_model_alias(evil, "production", side.version(evil, attested=False))
    assert stock.call(via, "rename", name=name, new_name=aside)[0] == 200
    assert stock.call(via, "rename", name=evil, new_name=name)[0] == 200
    assert stock.aliases(name) == {"production": "1"}
    refused(ours.call(via, "rename", name=name, new_name=aside))
    # Delete it instead, which is allowed: the name is free, and still nothing gets in that holds the alias.
    ours.client.delete_registered_model(name)
    refused(ours.call(via, "rename", name=evil, new_name=name))


def test_06_rename_to_a_protected_name(stock: Side, ours: Side, via: str) -> None:
    name, evil = fresh("credit"), fresh("evil")
    for side in (stock, ours):
        side.client.set_registered_model_alias(evil, "production", side.version(evil, attested=False))
    assert stock.call(via, "rename", name=evil, new_name=name)[0] == 200
    refused(ours.call(via, "rename", name=evil, new_name=name))
    # Without what is guarded a rename is nobody's business.
    ours.client.delete_registered_model_alias(evil, "production")
    assert ours.call(via, "rename", name=evil, new_name=name)[0] == 200


def test_07_rename_of_a_protected_model_takes_its_aliases_along(stock: Side, ours: Side, via: str) -> None:
    name, other = fresh("credit"), fresh("credit")
    for side in (stock, ours):
        in_production(side, name)
    assert stock.call(via, "rename", name=name, new_name=other)[0] == 200
    assert stock.aliases(other) == {"production": "1"}
    refused(ours.call(via, "rename", name=name, new_name=other))
    assert ours.aliases(name) == {"production": "1"}


def test_08_delete_and_create_again(stock: Side, ours: Side, via: str) -> None:
    name = fresh("credit")
    answers = {}
    for side in (stock, ours):
        in_production(side, name)
        assert side.call(via, "delete", name=name)[0] == 200
        version = side.version(name, attested=False)
        assert version == "1"  # the very name and number that were let through before
        answers[side is ours] = side.call(via, "alias", name=name, alias="production", version=version)
    assert answers[False][0] == 200
    refused(answers[True])


@pytest.mark.parametrize("key", ["attestflow.verdict", "AttestFlow.verdict"])
def test_09_a_tag_that_says_it_passed(stock: Side, ours: Side, via: str, key: str) -> None:
    name = fresh("credit")
    body = {"name": name, "version": stock.version(name, attested=False), "key": key, "value": "PASSED"}
    assert stock.call(via, "tag", **body)[0] == 200
    evil = ours.version(name, attested=False)
    refused(ours.call(via, "tag", **{**body, "version": evil}))
    assert ours.call(via, "tag", **{**body, "version": evil, "key": "validation_status"})[0] == 200
    refused(ours.call(via, "alias", name=name, alias="production", version=evil))


def test_11_a_source_elsewhere(stock: Side, ours: Side, via: str) -> None:
    name = fresh("credit")
    answers = {}
    for side in (stock, ours):
        side.client.create_registered_model(name)
        assert side.call(via, "create", name=name, source="s3://another-bucket/model")[0] == 200
        answers[side is ours] = side.call(via, "alias", name=name, alias="production", version="1")
    assert answers[False][0] == 200
    refused(answers[True])
    assert "where not only this server writes" in answers[True][1]["message"]


def test_12_writing_to_the_database_is_found(ours: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stands between the database and who holds its password; `attestflow audit` finds what they did."""
    from click.testing import CliRunner
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    from attestflow.cli.audit import command

    monkeypatch.setenv("ATTESTFLOW_HOME", str(ours.home))
    name = fresh("credit")
    good, evil = ours.version(name, attested=True), ours.version(name, attested=False)
    ours.client.set_registered_model_alias(name, "production", good)

    def audited(code: int) -> list[dict[str, Any]]:
        asked = [ours.server.url, "--model", name, "--config", str(ours.config), "--json"]
        done = CliRunner().invoke(command, asked, standalone_mode=False)
        assert (done.return_value or 0) == code, done.output
        found: list[dict[str, Any]] = json.loads(done.stdout)["found"]
        return found

    assert [row["state"] for row in audited(0)] == ["ok"]
    database = ours.server.log.parent / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{database}").set_registered_model_alias(name, "production", int(evil))
    assert ours.aliases(name) == {"production": evil}
    assert [(row["state"], row["version"]) for row in audited(10)] == [("never", evil)]
    refused(ours.call("api", "rename", name=name, new_name=fresh("other")))


def test_a_verdict_put_into_the_store_is_no_evidence(ours: Side) -> None:
    """A VSA says PASSED for these very bytes and this promotion, by a stranger, then by the verifier itself."""
    from attestflow.predicates import vsa
    from attestflow.testing.trust import new_signer
    from attestflow.verdict import Finding, Transition, Verdict

    name = fresh("credit")
    version = ours.version(name, attested=False)
    settings = ours.settings()
    measured = measure(resolve(f"models:/{name}/{version}", ours.server.url), name=name)
    verdict = Verdict(
        passed=True,
        enforced=True,
        findings=(Finding("content-attested", "passed", "it was attested"),),
        subject=measured.content,
        subject_name=name,
        policy_name="production",
        policy_sha256=settings.policy("production").sha256,
        trust_root_sha256=settings.trust_root().sha256,
        absence="accepted",
        time=utc_now(),
        transition=Transition("tests", name, "alias:production"),
    )
    from attestflow.attest import Attester

    predicate = verdict.to_vsa(utc_now() + timedelta(days=1)).to_json()
    for signer in (new_signer(), settings.signer("verifier")):
        forger = Attester(settings.open_store(), signer)
        forger.attest_predicate([measured.descriptor()], vsa.PREDICATE_TYPE, predicate)
        refused(ours.call("api", "alias", name=name, alias="production", version=version))
    forger = Attester(settings.open_store(), new_signer())
    forger.attest_content(measured, kind="model")
    refused(ours.call("api", "alias", name=name, alias="production", version=version))
    settings.attester("pipeline").attest_content(measured, kind="model")
    assert ours.call("api", "alias", name=name, alias="production", version=version)[0] == 200


def test_a_run_where_a_model_may_be_laid_over_the_files(stock: Side, ours: Side) -> None:
    """`runs:/R/model` is what R holds there and, over it, any model that is logged later under that name."""
    import mlflow

    name = fresh("credit")
    mlflow.set_tracking_uri(ours.server.url)
    mlflow.set_experiment("ways")
    folder = ours.home / fresh("files")
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "model")
    source = f"runs:/{run.info.run_id}/model"
    ours.client.create_registered_model(name)
    ours.client.create_model_version(name, source, run_id=run.info.run_id)
    answer = ours.call("api", "alias", name=name, alias="production", version="1")
    refused(answer)
    assert "mixes a run's files" in answer[1]["message"]
