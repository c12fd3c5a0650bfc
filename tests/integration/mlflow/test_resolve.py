"""Model URIs become the bytes that lie in the artifact store, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError, DigestMismatch, StoreError
from attestflow.integrations.mlflow.registration.added import META_FILE
from attestflow.integrations.mlflow.registration.register import register
from attestflow.integrations.mlflow.resolve import fetch, production_content, resolve
from attestflow.subject import measure
from attestflow.testing.mlflow_server import free_port

from .conftest import World

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def model(world: World) -> str:
    """A logged model, registered as `resolved` with the alias `champion`; its URI."""
    uri = world.logged("resolved")
    world.client.create_registered_model("resolved")
    world.client.create_model_version("resolved", uri, model_id=uri.removeprefix("models:/"))
    world.client.set_registered_model_alias("resolved", "champion", "1")
    return uri


def test_every_name_of_one_model_is_the_same_bytes(world: World, model: str, tmp_path: Path) -> None:
    names = [model, "models:/resolved/1", "models:/resolved@champion"]
    contents = {measure(resolve(name, world.server.url), name="m").content for name in names}
    assert len(contents) == 1
    assert production_content(world.server.url, "resolved", "alias:Champion") in contents
    assert production_content(world.server.url, "resolved", "alias:latest") in contents
    assert production_content(world.server.url, "resolved", "stage:none") in contents
    assert not (fetch("models:/resolved/1", tmp_path, world.server.url) / META_FILE).exists()


def test_nothing_is_there(world: World, model: str) -> None:
    assert production_content(world.server.url, "resolved", "alias:production") is None
    assert production_content(world.server.url, "resolved", "stage:Production") is None
    assert production_content(world.server.url, "never-registered", "alias:production") is None


@pytest.mark.parametrize(
    "target",
    ["models:/resolved/7", "models:/resolved@nobody", "models:/never/1", "models:/resolved", "models:/resolved/latest"],
)
def test_what_names_no_version(world: World, model: str, target: str) -> None:
    with pytest.raises(ConfigurationError):
        resolve(target, world.server.url)


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreError):
        resolve("models:/resolved/1", nowhere)
    with pytest.raises(StoreError):
        production_content(nowhere, "resolved", "alias:production")


def test_registering_again_adds_nothing(world: World) -> None:
    uri, attester = world.trained("again"), world.settings.attester("pipeline")
    first = register(uri, "again", attester=attester, tracking_uri=world.server.url)
    assert register(uri, "again", attester=attester, tracking_uri=world.server.url) == first
    stored = list(attester.store.attestations(first.content))
    assert len({each.location for each in stored}) == len(stored)
    boms = list(attester.store.attestations(first.content, "https://cyclonedx.org/bom"))
    assert len(boms) == 1


def test_a_runs_model_is_registered_once(world: World) -> None:
    run = world.client.get_logged_model(world.trained("of-a-run").removeprefix("models:/")).source_run_id
    attester = world.settings.attester("pipeline")
    made = [
        register(f"runs:/{run}/model", "of-a-run", attester=attester, tracking_uri=world.server.url) for _ in range(2)
    ]
    assert made[0] == made[1]


def test_other_bytes_than_trained_are_not_registered(world: World) -> None:
    uri = world.trained("swapped-early")
    expected = measure(resolve(uri, world.server.url), name="m").content
    (weights,) = [path for path in world.server.artifacts.rglob("weights.txt") if path.read_text() == "swapped-early"]
    weights.write_text("poison")
    with pytest.raises(DigestMismatch, match="not registered"):
        register(
            uri,
            "swapped-early",
            attester=world.settings.attester("pipeline"),
            tracking_uri=world.server.url,
            expected=expected,
        )
    assert list(world.client.search_model_versions("name = 'swapped-early'")) == []
