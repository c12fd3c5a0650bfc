"""Teams who change nothing but a URI: `MLFLOW_REGISTRY_URI=attestflow+http://…`, on a stock server and on a gated one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.integrations.mlflow.registration.client_store import SigningRestStore
from attestflow.predicates import test_result
from attestflow.subject import ResourceDescriptor, measure
from attestflow.testing.mlflow_server import MlflowServer, mlflow_server

from .conftest import World
from .lying_server import lying_server
from .training_script import BOM, content_of, counts, log_as_artifacts, log_model, runs, started, stored, use, versions

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("stock"), gated=False) as server:
        yield server


@pytest.fixture(params=["stock", "gated"])
def url(request: pytest.FixtureRequest, world: World, stock: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen = stock.url if request.param == "stock" else world.server.url
    use(monkeypatch, world, chosen)
    return chosen


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient()


def artifact(run_id: str, file: str, folder: Path) -> Any:
    from mlflow.artifacts import download_artifacts

    folder.mkdir(exist_ok=True)
    path = download_artifacts(run_id=run_id, artifact_path=f"attestflow/{file}", dst_path=str(folder))
    return json.loads(Path(path).read_text())


def test_log_model_makes_the_papers(url: str, world: World, tmp_path: Path) -> None:
    import mlflow

    with started() as run:
        mlflow.log_params({"C": 1.5, "solver": "lbfgs"})
        mlflow.log_metrics({"auc": 0.91, "loss": float("nan")})
        mlflow.set_tag("mlflow.source.git.commit", "ab" * 20)
        mlflow.set_tag("mlflow.source.git.dirty", "true")
        mlflow.set_tag("mlflow.source.git.repoURL", "https://user:token@example.com/team/repo.git?key=1")
        info = log_model(1.5, registered_model_name="papers")
    content = content_of(url, "models:/papers/1", tmp_path / "a")
    assert counts(world.settings, content) == (1, 1, 1)
    (made,) = runs(world.settings, content)
    assert made.invocation_id == run.info.run_id
    assert made.external_parameters["parameters"] == {"C": "1.5", "solver": "lbfgs"}
    assert made.external_parameters["leftOut"] == {"metrics": 1}
    assert made.byproducts[0].annotations == {"auc": 0.91}
    (code,) = made.inputs
    assert code.uri == "git+https://example.com/team/repo.git"
    assert (code.digest, code.annotations) == ({"gitCommit": "ab" * 20}, {"dirty": True})
    assert "scikit-learn" in made.internal_parameters["environment"]["requirements"]
    assert made.internal_parameters["environment"]["python"].startswith("3.")
    (bom,) = stored(world.settings, content, BOM)
    assert artifact(run.info.run_id, "ml-bom.cdx.json", tmp_path / "b") == bom
    assert artifact(run.info.run_id, "provenance.intoto.json", tmp_path / "c")["predicate"] == made.to_json()
    tags = client().get_run(run.info.run_id).data.tags
    version = client().get_model_version("papers", "1")
    assert tags["attestflow.content"] == version.tags["attestflow.content"] == str(content)
    assert tags["attestflow.ml-bom"] == version.tags["attestflow.ml-bom"]
    assert not (tmp_path / "a").joinpath("attestflow").exists()
    assert "attestflow.papers" not in version.tags
    assert client().get_logged_model(info.model_id).tags["mlflow.modelVersions"]


def test_register_model_makes_the_papers(url: str, world: World, tmp_path: Path) -> None:
    import mlflow

    with started() as run:
        info = log_model(2.5)
    mlflow.register_model(info.model_uri, "later")
    mlflow.register_model(f"runs:/{run.info.run_id}/model", "later")
    content = content_of(url, "models:/later/1", tmp_path)
    # One training run and one content, however often it is registered; an ML-BOM names its version.
    assert counts(world.settings, content) == (1, 1, 2)
    assert runs(world.settings, content)[0].invocation_id == run.info.run_id
    assert mlflow.sklearn.load_model("models:/later/2").C == 2.5


def test_a_model_among_a_runs_own_artifacts(url: str, world: World, tmp_path: Path) -> None:
    import mlflow

    with started() as run:
        mlflow.log_param("C", 3.5)
        log_as_artifacts(tmp_path / "saved", 3.5)
    mlflow.register_model(f"runs:/{run.info.run_id}/model", "artifacts")
    content = content_of(url, "models:/artifacts/1", tmp_path / "held")
    assert [each.invocation_id for each in runs(world.settings, content)] == [run.info.run_id]


def test_a_copy_is_given_no_training_run_of_its_own(url: str, world: World, tmp_path: Path) -> None:
    with started():
        log_model(4.5, registered_model_name="original")
    client().copy_model_version("models:/original/1", "copied")
    content = content_of(url, "models:/copied/1", tmp_path)
    assert len(runs(world.settings, content)) == 1
    names = {each["metadata"]["component"]["name"] for each in stored(world.settings, content, BOM)}
    assert names == {"original", "copied"}


def test_a_copy_of_what_has_no_papers_is_given_no_run(
    url: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, world, url, signing=False)
    with started():
        log_model(5.5, registered_model_name="bare")
    use(monkeypatch, world, url)
    client().copy_model_version("models:/bare/1", "bare-copy")
    content = content_of(url, "models:/bare-copy/1", tmp_path)
    assert counts(world.settings, content) == (1, 0, 1)


def test_prompts_have_no_papers(url: str) -> None:
    import mlflow

    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}")
    assert mlflow.genai.load_prompt("prompts:/greeting/1").template == "Hello {{name}}"


def test_from_data_to_production(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attested and validated data, MLflow's own functions, an approval: the gate lets it pass with nothing else."""
    import mlflow
    import pandas

    use(monkeypatch, world, world.server.url)
    folder = world.folder / "data" / "client-store"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("x,y\n0,0\n1,1\n")
    read = measure(folder)
    world.settings.attester("pipeline").attest_content(read, kind="dataset")
    suite = ResourceDescriptor(name="suite", digest={"sha256": "ab" * 32})
    result = test_result.TestResult("PASSED", (suite,), passed_tests=("not_null",))
    world.settings.attester("validation").attest_predicate(
        [read.descriptor()], test_result.PREDICATE_TYPE, result.to_json()
    )
    with started():
        frame = pandas.read_csv(folder / "train.csv")
        mlflow.log_input(mlflow.data.from_pandas(frame, source=str(folder / "train.csv")), context="training")
        log_model(6.5, registered_model_name="whole-way")
    mlflow_client = client()
    with pytest.raises(mlflow.exceptions.MlflowException, match="not approved by owner"):
        mlflow_client.set_registered_model_alias("whole-way", "production", "1")
    world.cli("approve", "models:/whole-way/1", "--for", "models:/whole-way", "--to", "production", "--yes")
    mlflow_client.set_registered_model_alias("whole-way", "production", "1")
    assert mlflow.sklearn.load_model("models:/whole-way@production").C == 6.5
    (bom,) = stored(world.settings, measured(world, "models:/whole-way/1"), BOM)
    assert "client-store" in json.dumps(bom)


def measured(world: World, uri: str) -> Any:
    from attestflow.integrations.mlflow.resolve import resolve

    return measure(resolve(uri, world.server.url), name="m").content


@pytest.mark.parametrize("broken", ["settings", "store", "trust root", "key"])
def test_nothing_is_registered_where_it_could_not_be_signed(
    broken: str, stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    use(monkeypatch, world, stock.url)
    if broken == "settings":
        monkeypatch.setenv("ATTESTFLOW_CONFIG", str(world.folder / "none.toml"))
    else:
        path = {"store": "attestations", "trust root": "trust-root.yaml", "key": "keys/pipeline.key"}[broken]
        away = (world.folder / path).rename(world.folder / "away")
    try:
        with started(), pytest.raises(mlflow.exceptions.MlflowException, match="attestflow: "):
            log_model(7.5, registered_model_name="unsigned")
    finally:
        if broken != "settings":
            away.rename(world.folder / path)
    assert versions(client(), "unsigned") == []


def test_a_role_that_may_not_sign_it_registers_nothing(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    use(monkeypatch, world, stock.url)
    monkeypatch.setenv("ATTESTFLOW_MLFLOW_ROLE", "validation")
    with started(), pytest.raises(mlflow.exceptions.MlflowException, match="validation may not sign"):
        log_model(8.5, registered_model_name="wrong-role")
    assert versions(client(), "wrong-role") == []


def test_what_fails_afterwards_says_that_the_version_exists_and_is_mended(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow
    from mlflow.store.model_registry.rest_store import RestStore

    use(monkeypatch, world, stock.url)
    create, store = RestStore.create_model_version, world.folder / "attestations"

    def store_vanishes(*args: Any, **kwargs: Any) -> Any:
        made = create(*args, **kwargs)
        store.rename(world.folder / "away")
        return made

    with monkeypatch.context() as patched:
        patched.setattr(RestStore, "create_model_version", store_vanishes)
        try:
            with started(), pytest.raises(mlflow.exceptions.MlflowException) as caught:
                log_model(9.5, registered_model_name="half")
        finally:
            (world.folder / "away").rename(store)
    assert '"models:/half/1" is registered' in str(caught.value)
    assert "attestflow register models:/half/1" in str(caught.value)
    mended = json.loads(world.cli("register", "models:/half/1", "--json"))
    again = json.loads(world.cli("register", "models:/half/1", "--json"))
    assert mended == again
    content = content_of(stock.url, "models:/half/1", tmp_path)
    assert mended["digest"] == str(content)
    assert counts(world.settings, content) == (1, 1, 1)
    assert versions(client(), "half") == ["1"]


def test_files_swapped_after_they_were_uploaded(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes to the artifact folder between the upload and the registration."""
    import mlflow

    use(monkeypatch, world, stock.url)
    create = SigningRestStore.create_registered_model

    def swap(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        (model,) = [path for path in stock.artifacts.rglob("requirements.txt") if "10.5" in _params(path.parent)]
        model.write_text("evil==1.0\n")
        return create(self, name, *args, **kwargs)

    monkeypatch.setattr(SigningRestStore, "create_registered_model", swap)
    with started(), pytest.raises(mlflow.exceptions.MlflowException, match='"requirements.txt" changed'):
        log_model(10.5, registered_model_name="swapped", metadata={"C": "10.5"})
    assert versions(client(), "swapped") == []


def _params(folder: Path) -> str:
    return (folder / "MLmodel").read_text()


def test_a_run_that_did_not_log_it(stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics of a good run claimed for the model of another one."""
    import mlflow

    use(monkeypatch, world, stock.url)
    with started() as good:
        mlflow.log_metric("auc", 0.99)
    with started():
        info = log_model(11.5)
    client().create_registered_model("claimed")
    with pytest.raises(mlflow.exceptions.MlflowException, match="was logged by run"):
        client().create_model_version("claimed", info.model_uri, run_id=good.info.run_id)
    assert versions(client(), "claimed") == []


def test_artifacts_of_another_run(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    use(monkeypatch, world, stock.url)
    with started() as good:
        mlflow.log_metric("auc", 0.99)
    with started() as run:
        log_as_artifacts(tmp_path / "saved", 12.5)
    client().create_registered_model("foreign")
    for source in (
        f"{run.info.artifact_uri}/model",
        f"{good.info.artifact_uri}/../../{run.info.run_id}/artifacts/model",
    ):
        with pytest.raises(mlflow.exceptions.MlflowException):
            client().create_model_version("foreign", source, run_id=good.info.run_id)
    # Nothing was signed before the server had a say either.
    assert runs(world.settings, measure(tmp_path / "saved").content) == []
    assert versions(client(), "foreign") == []


def test_files_of_another_run_under_a_new_one(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file MLmodel, which the digest binds, names the run that trained; another run's metrics are not signed for it."""
    import mlflow

    from attestflow.integrations.mlflow.resolve import fetch

    use(monkeypatch, world, stock.url)
    with started():
        info = log_model(13.5)
    files = fetch(f"models:/{info.model_id}", tmp_path / "logged", stock.url)
    with started() as good:
        mlflow.log_metric("auc", 0.99)
        mlflow.log_artifacts(str(files), "model")
    mlflow.register_model(f"runs:/{good.info.run_id}/model", "relogged")
    content = content_of(stock.url, "models:/relogged/1", tmp_path / "held")
    assert runs(world.settings, content) == []
    assert len(stored(world.settings, content, BOM)) == 1


@pytest.mark.parametrize("lie", ["version", "name"])
def test_a_server_that_answers_with_another_version(
    lie: str, stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It lets another model's bytes pass for the ones just registered: nothing is signed about those."""
    import mlflow

    use(monkeypatch, world, stock.url, signing=False)
    with started():
        log_model(14.5, registered_model_name=f"liar-{lie}")  # version 1: other bytes, without papers

    def change(path: str, body: bytes) -> bytes:
        if not path.endswith("model-versions/create"):
            return body
        if lie == "version":
            return body.replace(b'"version": "2"', b'"version": "1"')
        return body.replace(b'"name": "liar-name"', b'"name": "another"')

    with lying_server(stock.url, change) as between:
        use(monkeypatch, world, between)
        words = "answered with" if lie == "name" else "and holds tree:sha256:"
        with started(), pytest.raises(mlflow.exceptions.MlflowException, match=words):
            log_model(15.5, registered_model_name=f"liar-{lie}")
    use(monkeypatch, world, stock.url)
    content = content_of(stock.url, f"models:/liar-{lie}/1", tmp_path)
    assert counts(world.settings, content) == (0, 0, 0)


def test_hostile_text_in_a_run(
    stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    use(monkeypatch, world, stock.url)
    with started():
        mlflow.log_params({"db_password": "hunter2", "max_tokens": 5, "url": "s3://key:secret@bucket/data?sig=abc"})
        mlflow.log_param("long", "x" * 5000)
        mlflow.log_input(
            mlflow.data.from_numpy(_array(), source="https://user:pw@example.com/d.npy?token=abc", name="web")
        )
        log_model(16.5, registered_model_name="hostile")
    content = content_of(stock.url, "models:/hostile/1", tmp_path)
    (made,) = runs(world.settings, content)
    assert made.external_parameters["parameters"] == {"max_tokens": "5", "url": "s3://bucket/data"}
    (data,) = made.inputs
    assert (data.uri, dict(data.digest)) == ("https://example.com/d.npy", {})
    assert data.annotations["content"].startswith("not measured")
    everything = json.dumps(made.to_json())
    assert not any(secret in everything for secret in ("hunter2", "secret", "pw@", "token=abc", "sig=abc"))


def _array() -> Any:
    import numpy

    return numpy.array([[1.0], [2.0]])


def test_oms_where_asked(stock: MlflowServer, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`model_signing` itself verifies the signature, over the files as the server holds them."""
    from mlflow.artifacts import download_artifacts
    from model_signing.verifying import Config

    from attestflow.integrations.mlflow.resolve import fetch

    use(monkeypatch, world, stock.url)
    monkeypatch.setenv("ATTESTFLOW_MLFLOW_OMS", "1")
    with started() as run:
        log_model(17.5, registered_model_name="oms")
    files = fetch("models:/oms/1", tmp_path / "held", stock.url)
    signature = download_artifacts(run_id=run.info.run_id, artifact_path="attestflow/model.sig", dst_path=str(tmp_path))
    public = world.folder / "keys" / "pipeline.key.pub"
    Config().use_elliptic_key_verifier(public_key=public).verify(files, Path(signature))
    assert len(stored(world.settings, measure(files).content, "https://model_signing/signature/v1.0")) == 1


def test_a_user_and_a_password(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MLflow's own basic authentication: the signing client asks as MLflow's does."""
    import mlflow

    environ = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "test", "MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini")}
    (tmp_path / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = admin\nadmin_password = correct-horse-9\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    arguments = ("--app-name", "basic-auth")
    with mlflow_server(tmp_path / "server", gated=False, environ=environ, arguments=arguments) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse-9")
        use(monkeypatch, world, server.url)
        with started():
            log_model(18.5, registered_model_name="known")
        assert versions(client(), "known") == ["1"]
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
        with pytest.raises(mlflow.exceptions.MlflowException):
            client().create_model_version("known", "models:/known/1")
