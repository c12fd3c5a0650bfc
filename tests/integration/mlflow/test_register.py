"""`register(...)` and `attestflow register`: the same papers by hand, safe to repeat; and the file that MLflow adds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.errors import ConfigurationError, DigestMismatch, StoreError
from attestflow.integrations.mlflow.registration import ui_notes
from attestflow.integrations.mlflow.registration.added import META_FILE
from attestflow.integrations.mlflow.registration.register import RegisteredVersion, register
from attestflow.integrations.mlflow.server import keeping, notices
from attestflow.testing.mlflow_server import MlflowServer, mlflow_server

from .conftest import World
from .training_script import content_of, counts, log_as_artifacts, log_model, runs, started, use, versions

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server whose clients write to the artifact folder themselves: there MLflow leaves its file among the model's."""
    folder = tmp_path_factory.mktemp("direct")
    arguments = ("--no-serve-artifacts", "--default-artifact-root", str(folder / "artifacts"))
    with mlflow_server(folder, gated=False, arguments=arguments) as server:
        yield server


@pytest.fixture
def gated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    use(monkeypatch, world, world.server.url, signing=False)
    return world


@pytest.fixture
def seen(world: World, direct: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> World:
    use(monkeypatch, world, direct.url, signing=False)
    return World(world.folder, world.home, direct, _client(direct.url))


def _client(url: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(url)


def registered(world: World, uri: str, name: str | None = None, **more: Any) -> RegisteredVersion:
    return register(uri, name, attester=world.settings.attester("pipeline"), tracking_uri=world.server.url, **more)


def meta_files(world: World) -> list[Path]:
    return list(world.server.artifacts.rglob(META_FILE))


def test_the_package_gives_the_function_and_stays_light() -> None:
    code = (
        "import sys, attestflow.integrations.mlflow as m\n"
        "assert not {'mlflow', 'attestflow.attest', 'attestflow.settings'} & set(sys.modules)\n"
        "from attestflow.integrations.mlflow import register\n"
        "assert callable(register) and m.RegisteredVersion\n"
        "assert 'mlflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_tags_are_those_that_the_gate_knows() -> None:
    assert ui_notes.PAPERS == keeping.PAPERS
    assert (ui_notes.CONTENT, ui_notes.ML_BOM, ui_notes.FOLDER) == (notices.CONTENT, notices.ML_BOM, notices.FOLDER)


def test_on_the_command_line(gated: World, tmp_path: Path) -> None:
    with started() as run:
        info = log_model(21.5)
    made = json.loads(gated.cli("register", info.model_uri, "--name", "by-hand", "--json"))
    again = json.loads(gated.cli("register", f"runs:/{run.info.run_id}/model", "--name", "by-hand", "--json"))
    mended = json.loads(gated.cli("register", "models:/by-hand/1", "--json"))
    assert made == again == mended
    assert (made["uri"], made["oms"], made["note"]) == ("models:/by-hand/1", None, None)
    assert counts(gated.settings, content_of(gated.server.url, "models:/by-hand/1", tmp_path)) == (1, 1, 1)
    assert "registered models:/by-hand/1" in gated.cli("register", "models:/by-hand/1", "--oms")
    assert json.loads(gated.cli("register", "models:/by-hand/1", "--oms", "--json"))["oms"]


def test_what_names_no_model(gated: World) -> None:
    with started():
        info = log_model(22.5, registered_model_name="named")
    gated.cli("register", info.model_uri, code=1)  # no name
    gated.cli("register", "models:/named/1", "--name", "another", code=1)
    gated.cli("register", "models:/named/7", code=1)
    gated.cli("register", "runs:/0123456789abcdef0123456789abcdef/model", "--name", "x", code=1)
    for name in ("n\u202eamed", "a/b", "x" * 300):
        with pytest.raises(ConfigurationError, match="the name"):
            registered(gated, info.model_uri, name)


def test_papers_for_a_version_that_a_plain_client_made(gated: World, tmp_path: Path) -> None:
    with started() as run:
        log_model(23.5, registered_model_name="plain")
    made = registered(gated, "models:/plain/1")
    (training,) = runs(gated.settings, made.content)
    assert training.invocation_id == run.info.run_id
    tags = gated.client.get_model_version("plain", "1").tags
    assert (tags["attestflow.content"], tags["attestflow.ml-bom"]) == (str(made.content), made.ml_bom)
    assert tags["attestflow.attested-by"] == "pipeline"  # the gate looked itself; no client can write this


def test_a_training_that_is_attested_is_not_told_again(gated: World) -> None:
    """A pipeline signed how it trained; the run's own account is not put beside it, where it would count as a second run."""
    made = registered(gated, gated.trained("told"), "told")
    (training,) = runs(gated.settings, made.content)
    assert training.builder_id == "https://example.com/builder"


def test_the_signing_client_below_does_not_sign_twice(gated: World, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, gated, gated.server.url)
    monkeypatch.setenv("ATTESTFLOW_MLFLOW_ROLE", "validation")  # it would be refused, if it signed
    with started():
        info = log_model(24.5)
    assert counts(gated.settings, registered(gated, info.model_uri, "once").content) == (1, 1, 1)


def test_each_try_of_a_failing_registration_adds_nothing(
    gated: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.store.model_registry.rest_store import RestStore

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise MlflowException("the server is tired")

    with started():
        info = log_model(25.5)
    with monkeypatch.context() as patched:
        patched.setattr(RestStore, "create_model_version", refuse)
        for _ in range(3):
            with pytest.raises(StoreError, match="tired"):
                registered(gated, info.model_uri, "tried")
    made = registered(gated, info.model_uri, "tried")
    assert counts(gated.settings, made.content) == (1, 1, 1)


# The file that MLflow adds, where clients see the artifact folder. Over `mlflow-artifacts:` it never comes there.


def test_over_the_server_mlflow_adds_nothing(gated: World) -> None:
    import mlflow

    with started():
        info = log_model(30.5, registered_model_name="proxied")
    for uri in (info.model_uri, "models:/proxied/1"):
        mlflow.sklearn.load_model(uri)
    assert meta_files(gated) == []


def test_loaded_before_it_is_registered(seen: World) -> None:
    import mlflow

    with started():
        info = log_model(31.5)
    trained = content_of(seen.server.url, info.model_uri, seen.folder / "loaded-before")
    mlflow.sklearn.load_model(info.model_uri)  # nulls
    made = registered(seen, info.model_uri, "loaded-before", expected=trained)
    _is_registration_of(seen, made, trained)
    assert registered(seen, info.model_uri, "loaded-before", expected=trained) == made


@pytest.mark.parametrize("form", ["logged", "run", "artifacts", "log_model", "version"])
def test_each_way_to_register_what_mlflow_wrote_to(seen: World, form: str, tmp_path: Path) -> None:
    """Registered and loaded under one name (which writes the file), then registered under another, in each form."""
    import mlflow

    seed = 32.5 + len(form) / 10
    with started() as run:
        if form == "artifacts":
            log_as_artifacts(tmp_path / "saved", seed)
            uri = f"runs:/{run.info.run_id}/model"
            mlflow.register_model(uri, f"first-{form}")
        else:
            uri = log_model(seed, registered_model_name=f"first-{form}").model_uri
    trained = content_of(seen.server.url, f"models:/first-{form}/1", tmp_path / "before")
    mlflow.sklearn.load_model(f"models:/first-{form}/1")
    uris = {"run": f"runs:/{run.info.run_id}/model", "version": f"models:/first-{form}/1"}
    name = None if form == "version" else f"second-{form}"
    made = registered(seen, uris.get(form, uri), name)
    _is_registration_of(seen, made, trained)
    assert [each.invocation_id for each in runs(seen.settings, trained)] == [run.info.run_id]


def test_log_model_signs_what_was_trained(
    seen: World, direct: MlflowServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The signing client compares the files that training left on this machine with those that are stored."""
    use(monkeypatch, seen, direct.url)
    with started():
        log_model(36.5, registered_model_name="direct")
    content = content_of(direct.url, "models:/direct/1", tmp_path)
    assert counts(seen.settings, content) == (1, 1, 1)
    assert versions(seen.client, "direct") == ["1"]


@pytest.mark.parametrize(
    "meta",
    [
        "model_name: null\nmodel_version: null\nextra: 1\n",
        "model_name: null\n",
        "model_name: someone-elses\nmodel_version: '1'\n",
        "model_name: &a bad-{seed}\nmodel_version: '1'\n",
        "model_name: !!python/object/apply:os.system [id]\nmodel_version: '1'\n",
        "model_name: [null]\nmodel_version: null\n",
        "model_name: null\nmodel_name: null\nmodel_version: null\n",
        "model_name: null\nmodel_version: '1'\n",
        "x: " + "y" * 20_000,
    ],
)
def test_a_file_of_that_name_that_mlflow_did_not_write(seen: World, meta: str) -> None:
    from attestflow.errors import AttestflowError

    if not versions(seen.client, "someone-elses"):
        with started():
            log_model(37.5, registered_model_name="someone-elses")
    with started():
        info = log_model(38.5, metadata={"meta": meta})
    (folder,) = [path.parent for path in seen.server.artifacts.rglob("MLmodel") if info.model_id in str(path)]
    (folder / META_FILE).write_text(meta)
    with pytest.raises(AttestflowError, match=META_FILE):
        registered(seen, info.model_uri, "bad-meta")
    assert versions(seen.client, "bad-meta") == []


def test_a_file_more_than_that_one(seen: World) -> None:
    with started():
        info = log_model(39.5)
    trained = content_of(seen.server.url, info.model_uri, seen.folder / "one-more")
    (folder,) = [path.parent for path in seen.server.artifacts.rglob("MLmodel") if info.model_id in str(path)]
    (folder / META_FILE).write_text("model_name: null\nmodel_version: null\n")
    (folder / "sitecustomize.py").write_text("import os\n")
    with pytest.raises(DigestMismatch, match="as it was trained"):
        registered(seen, info.model_uri, "one-more", expected=trained)


def _is_registration_of(world: World, made: RegisteredVersion, trained: Any) -> None:
    """The registered tree has one provenance: a registration that took the trained tree."""
    assert made.content != trained
    (registration,) = runs(world.settings, made.content, "registration")
    assert [each.content() for each in registration.inputs] == [trained]
    assert runs(world.settings, made.content) == []
