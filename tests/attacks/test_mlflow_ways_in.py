"""The twelve ways in which a version becomes production in MLflow, each tried on a stock server and on ours.

The attacker holds nothing but the server's address: curl on both API prefixes, or a plain MlflowClient. What they promote
was never attested. On the stock server each way works; on ours the answer is 403 and nothing has changed; and the
same steps with attested bytes go through, so it is the evidence that decides. (10) and (12) are open in this release:
their tests say so.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestflow.cli.scaffold import scaffold
from attestflow.clock import format_time, utc_now
from attestflow.integrations.mlflow.resolve import resolve
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.testing.mlflow_server import MlflowServer, mlflow_server
from attestflow.verification.signed_document import sign_document, signature_path

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]

PROTECTS = [
    {"models": ["credit-*"], "aliases": ["production"], "stages": ["Production"]},
    {"models": ["live-*"], "aliases": ["latest"]},  # a model whose every version is served
]
_PATHS = {
    "alias": ("POST", "registered-models/alias"),
    "stage": ("POST", "model-versions/transition-stage"),
    "create": ("POST", "model-versions/create"),
    "rename": ("POST", "registered-models/rename"),
    "delete": ("DELETE", "registered-models/delete"),
    "tag": ("POST", "model-versions/set-tag"),
}
_numbers = itertools.count(1)


@dataclass
class Side:
    """One server, and what anybody who reaches it can do."""

    server: MlflowServer
    config: Path | None
    home: Path

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.server.url)

    def settings(self) -> Settings:
        return Settings.load(config=self.config, environ={"ATTESTFLOW_HOME": str(self.home)})

    def model(self, text: str, *, attested: bool) -> str:
        """A logged model whose bytes are `text`; its URI."""
        import mlflow

        class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
            def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
                return model_input

        mlflow.set_tracking_uri(self.server.url)
        mlflow.set_experiment("ways")
        weights = self.home / "weights.txt"
        weights.write_text(text)
        with mlflow.start_run():
            logged = mlflow.pyfunc.log_model(
                name="model", python_model=Echo(), artifacts={"weights": str(weights)}, pip_requirements=["mlflow"]
            )
        uri = str(logged.model_uri)
        if attested and self.config is not None:
            measured = measure(resolve(uri, self.server.url), name="model")
            self.settings().attester("pipeline").attest_content(measured, kind="model")
        return uri

    def version(self, name: str, *, attested: bool) -> str:
        """A version of `name`, new bytes each time."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as exc:
            assert exc.error_code == "RESOURCE_ALREADY_EXISTS"
        uri = self.model(f"{name} {next(_numbers)}", attested=attested)
        return str(self.client.create_model_version(name, uri, model_id=uri.removeprefix("models:/")).version)

    def aliases(self, name: str) -> dict[str, str]:
        return dict(self.client.get_registered_model(name).aliases)

    def call(self, via: str, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """One request by curl on the prefix `via`, or by a plain client; status and answer."""
        if via == "client":
            return self._by_client(verb, body)
        method, path = _PATHS[verb]
        command = ["curl", "-s", "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body)]
        command += ["-w", "\n%{http_code}", f"{self.server.url}/{via}/2.0/mlflow/{path}"]
        text, _, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
        return int(code), json.loads(text or "{}")

    def _by_client(self, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        from mlflow.exceptions import RestException

        client = self.client
        methods: dict[str, Callable[..., Any]] = {
            "alias": client.set_registered_model_alias,
            "stage": client.transition_model_version_stage,
            "create": client.create_model_version,
            "rename": client.rename_registered_model,
            "delete": client.delete_registered_model,
            "tag": client.set_model_version_tag,
        }
        try:
            methods[verb](**body)
        except RestException as exc:
            return exc.get_http_status_code(), exc.json
        return 200, {}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp("stock")
    with mlflow_server(folder, gated=False) as server:
        yield Side(server, None, folder)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder, home = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_HOME", str(home))
        made = scaffold(folder, registry="tests", store="attestations", passphrases={})
    policy = folder / "policies" / "production.yaml"
    document = {
        **yaml.safe_load(policy.read_text()),
        "version": 2,
        "expires": format_time(utc_now() + timedelta(days=1)),
        "protects": PROTECTS,
        "rules": [{"rule": "content-attested", "by": ["pipeline"]}],
    }
    data = yaml.safe_dump(document).encode()
    policy.write_bytes(data)
    settings = Settings.load(config=made.settings, environ={"ATTESTFLOW_HOME": str(home)})
    signature_path(policy).write_bytes(sign_document(data, policy.name, settings.signer("root")))
    with mlflow_server(folder / "server", config=made.settings, environ={"ATTESTFLOW_HOME": str(home)}) as server:
        yield Side(server, made.settings, home)


@pytest.fixture(params=["api", "ajax-api", "client"])
def via(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fresh(word: str) -> str:
    return f"{word}-{next(_numbers)}"


def refused(answer: tuple[int, dict[str, Any]]) -> None:
    """403, words for people, findings for programs."""
    status, told = answer
    assert status == 403, told
    assert told["error_code"] == "PERMISSION_DENIED"
    assert told["message"].startswith("attestflow")
    assert told["attestflow"]["result"] == "denied"
    assert told["attestflow"]["findings"]


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


def in_production(side: Side, name: str) -> None:
    """Honestly: ours asks for evidence, and has it."""
    side.client.set_registered_model_alias(name, "production", side.version(name, attested=True))


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


def test_10_files_replaced_after_promotion_is_open(ours: Side) -> None:
    """Open: the server lets anybody replace a promoted file. The next decision sees it; a promotion made stays."""
    name = fresh("credit")
    in_production(ours, name)
    location = ours.client.get_model_version_download_uri(name, "1").removeprefix("mlflow-artifacts:/")
    url = f"{ours.server.url}/api/2.0/mlflow-artifacts/artifacts/{location}/artifacts/weights.txt"
    put = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data", "poison", url]
    assert subprocess.run(put, capture_output=True, text=True, check=True).stdout == "200"
    assert ours.aliases(name) == {"production": "1"}
    ours.client.delete_registered_model_alias(name, "production")
    refused(ours.call("api", "alias", name=name, alias="production", version="1"))


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


def test_12_writing_to_the_database_is_open(ours: Side) -> None:
    """Open: nothing stands between the database and who holds its password; `attestflow audit` is to find it."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    name = fresh("credit")
    ours.version(name, attested=False)
    database = ours.server.log.parent / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{database}").set_registered_model_alias(name, "production", 1)
    assert ours.aliases(name) == {"production": "1"}
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
