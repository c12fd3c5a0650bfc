"""Verified at load: what is loaded, when, and what the switch costs. The attacks are in tests/attacks/test_mlflow_load.py."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

from attestflow.integrations.mlflow import load_model

from .conftest import World
from .local_registry import LocalRegistry, local_registry

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    return local_registry(tmp_path_factory)


def load(uri: str) -> list[str]:
    found: list[str] = mlflow.pyfunc.load_model(uri, suppress_warnings=True).predict(["x"])
    return found


def test_off_means_mlflows_own_classes(registry: LocalRegistry) -> None:
    version, files = registry.plain("off", "off")
    run_id = registry.client.get_logged_model(files.parent.name).source_run_id
    for setting in (None, "", " "):
        with registry.loading(setting):
            assert type(get_artifact_repository(f"models:/off/{version}")) is ModelsArtifactRepository
            assert type(get_artifact_repository(f"runs:/{run_id}/model")) is RunsArtifactRepository
            assert load(f"models:/off/{version}") == ["off"]


def test_off_loads_nothing_of_ours() -> None:
    """MLflow itself imports the switch, and with it nothing else of the engine."""
    script = (
        "import sys, mlflow.store.artifact.artifact_repository_registry\n"
        "print(*sorted(name for name in sys.modules if name.startswith('attestflow')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {
        "attestflow",
        "attestflow.integrations",
        "attestflow.integrations.mlflow",
        "attestflow.integrations.mlflow.server",
        "attestflow.integrations.mlflow.server.destination_scheme",
        "attestflow.integrations.mlflow.loading",
        "attestflow.integrations.mlflow.loading.load",
    }


def test_on_is_a_models_repository_to_mlflow(registry: LocalRegistry) -> None:
    version, _, _ = registry.attested("on", "on")
    with registry.loading("require"):
        found = get_artifact_repository(f"models:/on/{version}")
        assert isinstance(found, ModelsArtifactRepository)
        assert type(found) is not ModelsArtifactRepository


def test_a_promoted_version_of_a_gated_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    version = world.registered("loaded", "loaded")
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(world.folder / "attestflow.toml"))
    monkeypatch.setenv("ATTESTFLOW_HOME", str(world.home))
    monkeypatch.setenv("ATTESTFLOW_MLFLOW_LOAD", "require")
    mlflow.set_tracking_uri(world.server.url)
    assert load("models:/loaded/1") == ["x"]
    assert load("models:/loaded/latest") == ["x"]
    world.approve(version)
    world.client.set_registered_model_alias("loaded", "production", version.version)
    assert load("models:/loaded@production") == ["x"]
    meta = Path(mlflow.artifacts.download_artifacts("models:/loaded@production"), "registered_model_meta").read_text()
    assert "loaded" in meta
    # Another one gets there behind the gate.
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    number = world.registered("loaded", "another").version
    database = f"sqlite:///{world.folder / 'server' / 'mlflow.db'}"
    SqlAlchemyStore(database).set_registered_model_alias("loaded", "production", int(number))
    assert load(f"models:/loaded/{number}") == ["x"]
    with pytest.raises(MlflowException, match="no gate decided that these bytes get it"):
        load("models:/loaded@production")


def test_flavours_are_verified_too(registry: LocalRegistry) -> None:
    from sklearn.linear_model import LinearRegression

    from attestflow.subject import measure

    mlflow.set_tracking_uri(registry.uri)
    registry.logged("for the experiment")
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(LinearRegression().fit([[1], [2]], [2, 4]), name="line", pip_requirements=[])
    files = Path(str(registry.client.get_logged_model(info.model_id).artifact_location).removeprefix("file://"))
    uri = f"models:/{info.model_id}"
    with registry.loading("require"):
        with pytest.raises(MlflowException, match="no functionary attested"):
            mlflow.sklearn.load_model(uri)
        registry.settings.attester("pipeline").attest_content(measure(files, name="line"), kind="model")
        assert round(float(mlflow.sklearn.load_model(uri).predict([[3]])[0])) == 6
    with registry.loading(None):
        assert round(float(load_model(uri, "sklearn").predict([[3]])[0])) == 6


def test_a_part_is_verified_with_the_whole(registry: LocalRegistry, tmp_path: Path) -> None:
    version, files, _ = registry.attested("part", "part")
    run_id = registry.client.get_logged_model(files.parent.name).source_run_id
    fetch = mlflow.artifacts.download_artifacts
    with registry.loading("require"):
        for number, root in enumerate((f"models:/part/{version}", f"runs:/{run_id}/model")):
            assert Path(fetch(f"{root}/artifacts/weights.txt")).read_text() == "part"
            folder = tmp_path / str(number)
            assert "flavors" in Path(fetch(f"{root}/MLmodel", dst_path=str(folder))).read_text()
            assert [path.name for path in folder.iterdir()] == ["MLmodel"]
            assert (Path(fetch(root, dst_path=str(tmp_path / f"{number}-whole"))) / "MLmodel").is_file()
            assert Path(fetch(f"{root}/artifacts", dst_path=str(folder / "sub")), "weights.txt").read_text() == "part"
        with pytest.raises(MlflowException, match="No such artifact"):
            fetch(f"models:/part/{version}/nothing")
        (files / "python_model.pkl").write_bytes(b"changed")
        with pytest.raises(MlflowException, match="python_model.pkl changed"):
            fetch(f"models:/part/{version}/MLmodel")


def test_other_artifacts_of_a_run_must_be_attested_as_they_are(registry: LocalRegistry) -> None:
    from attestflow.subject import measure

    registry.logged("for the experiment")
    with mlflow.start_run() as run:
        mlflow.log_text("a,b\n", "data/table.csv")
    uri = f"runs:/{run.info.run_id}/data/table.csv"
    with registry.loading(None):
        path = mlflow.artifacts.download_artifacts(uri)
    with registry.loading("require"):
        with pytest.raises(MlflowException, match="no functionary attested"):
            mlflow.artifacts.download_artifacts(uri)
        registry.settings.attester("pipeline").attest_content(measure(path), kind="dataset")
        assert Path(mlflow.artifacts.download_artifacts(uri)).read_text() == "a,b\n"


def test_warn_says_so_and_loads(registry: LocalRegistry, caplog: pytest.LogCaptureFixture) -> None:
    version, _ = registry.plain("warned", "warned")
    logger = logging.getLogger("mlflow.attestflow")
    logger.addHandler(caplog.handler)
    try:
        with registry.loading("warn"):
            assert load(f"models:/warned/{version}") == ["warned"]
        (said,) = {record.getMessage() for record in caplog.records if "UNVERIFIED" in record.getMessage()}
        assert "no functionary attested these bytes" in said
        caplog.clear()
        attested, _, _ = registry.attested("warned", "fine")
        with registry.loading("warn"):
            assert load(f"models:/warned/{attested}") == ["fine"]
        assert not [record for record in caplog.records if "attestflow" in record.getMessage()]
    finally:
        logger.removeHandler(caplog.handler)


def test_a_policy_that_only_warns_counts_as_that(registry: LocalRegistry) -> None:
    version, _, _ = registry.attested("lenient", "lenient")
    registry.client.set_registered_model_alias("lenient", "production", version)
    with registry.loading("require"):
        registry.sign_policy(mode="warn")
        try:
            assert load("models:/lenient@production") == ["lenient"]
        finally:
            registry.sign_policy(mode="enforce")
        with pytest.raises(MlflowException, match="no gate decided"):
            load("models:/lenient@production")


def test_checking_what_is_in_production_does_not_take_it_out(registry: LocalRegistry) -> None:
    """Its approvals were for getting there; but an owner who rejects it takes it out with the next verdict."""
    from datetime import timedelta

    from attestflow.clock import utc_now
    from attestflow.verdict import Finding

    version, _, content = registry.attested("checked", "checked")
    registry.client.set_registered_model_alias("checked", "production", version)
    registry.record(content, "checked", time=utc_now() - timedelta(seconds=20))
    spent = (Finding("approved", "denied", "something else was in production when it was given"),)
    registry.record(content, "checked", passed=False, findings=spent, production=content)
    with registry.loading("require"):
        assert load("models:/checked@production") == ["checked"]
    rejected = (Finding("approved", "denied", "owner rejected it", evidence=("a" * 64,)),)
    registry.record(content, "checked", passed=False, findings=rejected, time=utc_now() + timedelta(seconds=2))
    with registry.loading("require"), pytest.raises(MlflowException, match="owner rejected it"):
        load("models:/checked@production")


def test_load_model_of_ours_takes_nothing_else(registry: LocalRegistry, tmp_path: Path) -> None:
    from attestflow.errors import ConfigurationError

    with registry.loading(None):
        with pytest.raises(MlflowException, match="only models:/ and runs:/"):
            load_model(str(tmp_path))
        for flavor in ("os", "nowhere", "../x"):
            with pytest.raises(ConfigurationError, match="no flavour"):
                load_model("models:/x/1", flavor)


def test_training_goes_on_where_loading_is_guarded(registry: LocalRegistry) -> None:
    with registry.loading("require"):
        version, _, _ = registry.attested("trained", "trained")
        assert load(f"models:/trained/{version}") == ["trained"]
