"""Attacks on what is loaded from MLflow: each works on a plain client, and none where ATTESTFLOW_MLFLOW_LOAD=require."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from attestflow.clock import utc_now
from attestflow.settings import Settings
from attestflow.testing.mlflow_server import free_port, quiet
from attestflow.testing.trust import new_signer
from attestflow.verdict import Finding, Transition

from ..integration.mlflow.local_registry import LocalRegistry, local_registry  # noqa: TID252 - no package, no name

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]
_numbers = itertools.count(1)
DENIED = (Finding("ml-bom", "denied", "no ML-BOM describes it"),)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    return local_registry(tmp_path_factory)


def fresh() -> str:
    return f"credit-{next(_numbers)}"


class Touch:
    """What a pickle may hold: a call that is made when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def poison(files: Path, mark: Path) -> None:
    """Put a pickle that makes a file where the model's own one lies."""
    (files / "python_model.pkl").write_bytes(pickle.dumps(Touch(mark)))


def load(uri: str) -> Any:
    return mlflow.pyfunc.load_model(uri, suppress_warnings=True).predict(["x"])


def refused(registry: LocalRegistry, uri: str, words: str) -> None:
    """Not loaded, with these words and a hint; the same with `load_model` of ours, whatever the setting."""
    from attestflow.integrations.mlflow import load_model

    with registry.loading("require"), pytest.raises(MlflowException, match=words) as caught:
        load(uri)
    assert "hint:" in caught.value.message
    with registry.loading(None), pytest.raises(MlflowException, match=words):
        load_model(uri)


@pytest.mark.parametrize("kind", ["version", "alias", "logged", "run", "stage", "latest"])
def test_a_poisoned_pickle_is_not_read(registry: LocalRegistry, tmp_path: Path, kind: str) -> None:
    name, mark = fresh(), tmp_path / "mark"
    version, files, content = registry.attested(name, "good")
    to = {"alias": "alias:production", "stage": "stage:Production", "latest": "alias:latest"}.get(kind)
    if to:
        registry.decide(content, name, to)
    registry.client.set_registered_model_alias(name, "production", version)
    registry.client.transition_model_version_stage(name, version, "Production")
    run_id = registry.client.get_logged_model(files.parent.name).source_run_id
    uri = {
        "version": f"models:/{name}/{version}",
        "alias": f"models:/{name}@production",
        "logged": f"models:/{files.parent.name}",
        "run": f"runs:/{run_id}/model",
        "stage": f"models:/{name}/Production",
        "latest": f"models:/{name}/latest",
    }[kind]
    with registry.loading("require"):
        assert load(uri) == ["good"]
    poison(files, mark)
    refused(registry, uri, "no functionary attested these bytes")
    assert not mark.exists()
    with registry.loading(None):
        try:
            load(uri)
        except Exception:  # what it made is no model
            pass
    assert mark.exists()


FORGED: dict[str, tuple[Callable[[LocalRegistry, str], dict[str, Any]], str]] = {
    "by a stranger": (lambda registry, name: {"signer": new_signer()}, "no gate decided"),
    "by the pipeline": (lambda registry, name: {"signer": registry.settings.signer("pipeline")}, "no gate decided"),
    "of another model": (
        lambda registry, name: {"transition": Transition("tests", "other", "alias:production")},
        "no gate decided",
    ),
    "of another registry": (
        lambda registry, name: {"transition": Transition("elsewhere", name, "alias:production")},
        "no gate decided",
    ),
    "of another alias": (
        lambda registry, name: {"transition": Transition("tests", name, "alias:staging")},
        "no gate decided",
    ),
    "of a stage": (
        lambda registry, name: {"transition": Transition("tests", name, "stage:production")},
        "no gate decided",
    ),
    "of no transition": (lambda registry, name: {"transition": None}, "no gate decided"),
    "of another policy": (lambda registry, name: {"policy_name": "lax"}, "no gate decided"),
    "of tomorrow": (lambda registry, name: {"time": utc_now() + timedelta(days=1)}, "no gate decided"),
    "expired": (lambda registry, name: {"expires": utc_now() - timedelta(seconds=1)}, "expired on"),
    "that failed": (lambda registry, name: {"passed": False, "findings": DENIED}, "no ML-BOM describes it"),
    "that failed and gives no reason": (
        lambda registry, name: {"passed": False, "findings": ()},
        "it gives no reason",
    ),
    "that only warned": (
        lambda registry, name: {"passed": False, "enforced": False, "findings": DENIED},
        "only warned when it got there",
    ),
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_verdict(registry: LocalRegistry, attack: str) -> None:
    changes, words = FORGED[attack]
    name = fresh()
    version, _, content = registry.attested(name, name)
    registry.client.set_registered_model_alias(name, "production", version)
    registry.record(content, name, **changes(registry, name))
    uri = f"models:/{name}@production"
    refused(registry, uri, words)
    registry.record(content, name, time=utc_now() + timedelta(seconds=30))
    with registry.loading("require"):
        assert load(uri) == [name]


@pytest.mark.parametrize("ending", ["@production", "@Ｐroduction", "/Production", "/production", "/latest", "/LATEST"])
def test_no_verdict_at_all(registry: LocalRegistry, ending: str) -> None:
    name = fresh()
    version, _, _ = registry.attested(name, name)
    registry.client.set_registered_model_alias(name, "production", version)
    registry.client.set_registered_model_alias(name, "Ｐroduction", version)
    registry.client.transition_model_version_stage(name, version, "Production")
    refused(registry, f"models:/{name}{ending}", "no gate decided")


def test_a_verdict_of_another_digest(registry: LocalRegistry) -> None:
    name = fresh()
    _, _, good = registry.attested(name, f"{name} good")
    version, _, _ = registry.attested(name, f"{name} worse")
    registry.record(good, name)
    registry.client.set_registered_model_alias(name, "production", version)
    refused(registry, f"models:/{name}@production", "no gate decided")


def test_a_verdict_filed_under_other_bytes(registry: LocalRegistry) -> None:
    """Whoever writes to the store points from the bytes that they want loaded to a verdict about others."""
    from attestflow.predicates import vsa
    from attestflow.store.layout import bundle_key, transition_prefix

    name = fresh()
    _, _, good = registry.attested(name, f"{name} good")
    version, _, worse = registry.attested(name, f"{name} worse")
    identity = registry.record(good, name)
    store = registry.settings.open_store()
    stored = store.bundle(good, vsa.PREDICATE_TYPE, identity)
    assert stored is not None
    store._write(bundle_key(worse, vsa.PREDICATE_TYPE, identity), stored.raw)
    (pointer,) = store.find_by_transition("tests", name, "alias:production")
    end = f"{pointer.time}-{worse.kind}-{worse.sha256}-{identity}"
    store._write(f"{transition_prefix('tests', name, 'alias:production')}/{end}", b"")
    registry.client.set_registered_model_alias(name, "production", version)
    refused(registry, f"models:/{name}@production", "no gate decided")


def test_a_later_denial_withdraws(registry: LocalRegistry) -> None:
    name = fresh()
    version, _, content = registry.attested(name, name)
    registry.client.set_registered_model_alias(name, "production", version)
    registry.record(content, name, time=utc_now() - timedelta(seconds=20))
    registry.record(content, name, passed=False, findings=DENIED, production=content)
    refused(registry, f"models:/{name}@production", "the last verdict .* denies it: ml-bom")


def test_a_file_added_to_an_attested_model(registry: LocalRegistry) -> None:
    name = fresh()
    version, files, _ = registry.attested(name, name)
    (files / "code").mkdir()
    (files / "code" / "sitecustomize.py").write_text("raise SystemExit")
    refused(registry, f"models:/{name}/{version}", "code/sitecustomize.py was added")


def test_what_mlflow_adds_says_nothing_else(registry: LocalRegistry) -> None:
    """`registered_model_meta` is left out of the digest, so it could carry anything: its form is checked, and it goes."""
    name = fresh()
    version, files, _ = registry.attested(name, name)
    (files / "registered_model_meta").write_text("model_name: other\nmodel_version: '3'\n")
    with registry.loading("require"):
        assert load(f"models:/{name}/{version}") == [name]
        run_id = registry.client.get_logged_model(files.parent.name).source_run_id
        path = Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/model"))
        assert (path / "MLmodel").is_file()
        assert not (path / "registered_model_meta").exists()
    (files / "registered_model_meta").write_text("!!python/object/apply:os.system [true]")
    refused(registry, f"models:/{name}/{version}", "registered_model_meta")


def test_attested_as_data_is_not_attested_as_a_model(registry: LocalRegistry) -> None:
    from attestflow.subject import measure

    name = fresh()
    version, files = registry.plain(name, name)
    registry.settings.attester("pipeline").attest_content(measure(files, name=name), kind="dataset")
    refused(registry, f"models:/{name}/{version}", "not as a model")


def test_files_swapped_between_verifying_and_loading(registry: LocalRegistry, tmp_path: Path) -> None:
    """What was verified is what is loaded: the artifact folder may change the moment after."""
    name, mark = fresh(), tmp_path / "mark"
    version, files, _ = registry.attested(name, name)
    with registry.loading("require"):
        path = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}"))
        assert files not in (path, *path.parents)
        assert path.stat().st_mode & 0o777 == 0o700
        poison(files, mark)
        assert mlflow.pyfunc.load_model(str(path), suppress_warnings=True).predict(["x"]) == [name]
    assert not mark.exists()


def test_a_folder_that_holds_something_already(registry: LocalRegistry, tmp_path: Path) -> None:
    name = fresh()
    version, _, _ = registry.attested(name, name)
    (tmp_path / "code").mkdir()
    with registry.loading("require"), pytest.raises(MlflowException, match="is not empty"):
        mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=str(tmp_path))


@pytest.mark.parametrize("value", ["Require", "on", "1", "off", "require,warn"])
def test_a_setting_that_is_not_known_loads_nothing(registry: LocalRegistry, value: str) -> None:
    name = fresh()
    version, _, _ = registry.attested(name, name)
    with registry.loading(value), pytest.raises(MlflowException, match="set it to require or warn"):
        load(f"models:/{name}/{version}")


def test_settings_that_are_broken_load_nothing(registry: LocalRegistry, tmp_path: Path) -> None:
    name = fresh()
    version, _, _ = registry.attested(name, name)
    with registry.loading("require"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_CONFIG", str(tmp_path / "nowhere.toml"))
        with pytest.raises(MlflowException, match="does not exist"):
            load(f"models:/{name}/{version}")


def test_settings_that_name_no_policy_let_no_alias_through(registry: LocalRegistry) -> None:
    """They say who may attest, and not what is guarded: that is unknown, and not nothing."""
    name = fresh()
    version, _, _ = registry.attested(name, name)
    registry.client.set_registered_model_alias(name, "production", version)
    config = registry.folder / "no-policies.toml"
    text = (registry.folder / "attestflow.toml").read_text()
    before, _, after = text.partition("[policies]\n")
    config.write_text(before + "[" + after.partition("\n[")[2])
    config.chmod(0o600)
    with registry.loading("require"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_CONFIG", str(config))
        assert Settings.load().policies == {}
        with pytest.raises(MlflowException, match="name no policy"):
            load(f"models:/{name}@production")
        assert load(f"models:/{name}/{version}") == [name]


def test_mlflow_models_serve_refuses(registry: LocalRegistry, tmp_path: Path) -> None:
    name, mark = fresh(), tmp_path / "mark"
    version, files, _ = registry.attested(name, name)
    poison(files, mark)
    environ = {
        **os.environ,
        **quiet(),
        "MLFLOW_TRACKING_URI": registry.uri,
        "ATTESTFLOW_CONFIG": str(registry.folder / "attestflow.toml"),
        "ATTESTFLOW_HOME": str(registry.home),
        "ATTESTFLOW_MLFLOW_LOAD": "require",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}/{version}"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(free_port())]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "no functionary attested these bytes" in done.stderr
    assert not mark.exists()
