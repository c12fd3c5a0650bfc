"""The same ways on PostgreSQL, with several workers of uvicorn and of gunicorn, and many promotions at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from attestflow.bundle import Bundle
from attestflow.integrations.mlflow.resolve import resolve
from attestflow.predicates import vsa
from attestflow.statement import Statement
from attestflow.subject import measure
from attestflow.testing.mlflow_server import mlflow_server
from attestflow.testing.postgres import Postgres

from .registry import Side, fresh, in_production, refused

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

GUNICORN = ("--gunicorn-opts", "--timeout 60")


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn"])
def gated(
    request: pytest.FixtureRequest, ours: Side, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Side]:
    """Three workers behind the gate, on PostgreSQL."""
    folder = tmp_path_factory.mktemp(request.param)
    with mlflow_server(
        folder,
        config=ours.config,
        environ={"ATTESTFLOW_HOME": str(ours.home)},
        arguments=GUNICORN if request.param == "gunicorn" else (),
        database=postgres.database(),
        workers=3,
    ) as server:
        yield Side(server, ours.config, ours.home)


@pytest.fixture(params=["api", "ajax-api"])
def via(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def decisions(side: Side, name: str, version: str) -> list[dict[str, Any]]:
    """The recorded verdicts about a version's files."""
    content = measure(resolve(f"models:/{name}/{version}", side.server.url), name=name).content
    found = side.settings().open_store().attestations(content, vsa.PREDICATE_TYPE)
    return [dict(Statement.parse(Bundle.parse(each.raw).envelope.payload).predicate) for each in found]


def test_alias_stage_and_files(gated: Side, via: str) -> None:
    name = fresh("credit")
    evil, good = gated.version(name, attested=False), gated.version(name, attested=True)
    refused(gated.call(via, "alias", name=name, alias="PRODUCTION", version=evil))
    stage = {"name": name, "stage": "Production", "archive_existing_versions": True}
    refused(gated.call(via, "stage", version=evil, **stage))
    for _ in range(6):  # more often than there are workers: each of them says the same
        refused(gated.call(via, "alias", name=name, alias="production", version=evil))
    assert gated.call(via, "alias", name=name, alias="production", version=good)[0] == 200
    assert gated.call(via, "stage", version=good, **stage)[0] == 200
    assert gated.aliases(name) == {"production": good}


def test_rename_and_create_again(gated: Side, via: str) -> None:
    name, evil = fresh("credit"), fresh("evil")
    in_production(gated, name)
    gated.client.set_registered_model_alias(evil, "production", gated.version(evil, attested=False))
    refused(gated.call(via, "rename", name=name, new_name=fresh("aside")))
    refused(gated.call(via, "rename", name=evil, new_name=fresh("credit")))
    assert gated.call(via, "delete", name=name)[0] == 200
    assert gated.version(name, attested=False) == "1"
    refused(gated.call(via, "alias", name=name, alias="production", version="1"))


def test_two_promotions_race_for_one_alias(gated: Side) -> None:
    """One verdict each, the database decides, both are recorded, and who lost may ask again."""
    name = fresh("credit")
    versions = [gated.version(name, attested=True) for _ in range(2)]
    for version in versions:
        gated.client.set_model_version_tag(name, version, "attestflow.freeze", "")
    asked: Counter[str] = Counter()
    for _ in range(8):
        answers: dict[str, int] = {}
        start = threading.Barrier(2)

        def ask(version: str, answers: dict[str, int] = answers, start: threading.Barrier = start) -> None:
            start.wait()
            answers[version] = gated.call("api", "alias", name=name, alias="production", version=version)[0]

        before = gated.aliases(name).get("production")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ask, versions))
        assert set(answers.values()) <= {200, 403}
        assert 200 in answers.values()
        assert answers[gated.aliases(name)["production"]] == 200
        asked.update(version for version in versions if version != before or answers[version] == 403)
    recorded = {version: decisions(gated, name, version) for version in versions}
    for version in versions:
        assert len(recorded[version]) >= asked[version] - 8
        assert all(each["verificationResult"] in ("PASSED", "FAILED") for each in recorded[version])


def test_many_clients_promote_many_versions(gated: Side) -> None:
    """8 clients, 200 versions of 4 models, half of them attested: each decision right, none lost, nothing stuck."""
    names = [fresh("credit") for _ in range(4)]
    made = gated.versions(names, 200, attested=lambda index: index % 8 < 4)
    lost: Counter[str] = Counter()

    def ask(index: int) -> tuple[bool, int]:
        name, version = made[index]
        for _ in range(50):
            status, told = gated.call("api", "alias", name=name, alias="production", version=version)
            if status == 200 or "changed while the gate decided" not in told["message"]:
                break
            lost[name] += 1  # another promotion of this model came first; the answer says to ask again
        return index % 8 < 4, status

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(200)))
    assert Counter(answers) == {(True, 200): 100, (False, 403): 100}
    recorded: Counter[tuple[bool, str]] = Counter()
    for index, (name, version) in enumerate(made):
        for each in decisions(gated, name, version):
            recorded[index % 8 < 4, each["verificationResult"]] += 1
        assert int(gated.aliases(name)["production"]) in {int(number) for of, number in made if of == name}
    assert recorded[True, "PASSED"] == recorded[False, "FAILED"] == 100
    assert recorded[False, "PASSED"] == 0
    assert recorded[True, "FAILED"] <= sum(lost.values())
