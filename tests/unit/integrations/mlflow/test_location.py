"""Only what this server alone writes is read, and only under a name that a client is served the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError, SubjectError
from attestflow.integrations.mlflow.location import artifact_root, followed, knows_destination, stored_path

from .conftest import Registry


def test_a_location_below_the_root(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    assert stored_path("mlflow-artifacts:/1/models/m-1/artifacts", root) == root / "1/models/m-1/artifacts"
    assert stored_path("mlflow-artifacts:/1/Größe mit Raum/", root) == root / "1/Größe mit Raum"


@pytest.mark.parametrize(
    "location",
    [
        "s3://another-bucket/model",
        "https://models.example/api/2.0/mlflow-artifacts/artifacts/1/m",
        "mlflow-artifacts://other.example/1/m",
        "mlflow-artifacts://127.0.0.1:5000/1/m",
        "file:///etc",
        "/etc",
        "1/models",
        "runs:/0123/model",
        "models:/m/1",
        "",
        "mlflow-artifacts:",
        "mlflow-artifacts:/",
        "mlflow-artifacts:/1/../../etc",
        "mlflow-artifacts:/1/./m",
        "mlflow-artifacts:/1//m",
        "mlflow-artifacts:/1/m%2D1",
        "mlflow-artifacts:/1/%2e%2e/m",
        "mlflow-artifacts:/1/m?x=1",
        "mlflow-artifacts:/1/m#x",
        "mlflow-artifacts:/1/m;x",
        "mlflow-artifacts:/1\\m",
        "mlflow-artifacts:/1/m\n",
        "mlflow-artifacts:/1/m\u202e",
        "mlflow-artifacts:/1/Gro\u0308\u00dfe",
        "MLFLOW-ARTIFACTS:/1/m",
        "mlflow-artifacts:1/m",
    ],
)
def test_what_is_not_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "1" / "m").mkdir(parents=True)
    with pytest.raises(SubjectError):
        stored_path(location, tmp_path.resolve())


def test_a_way_through_a_symlink(tmp_path: Path) -> None:
    root, outside = tmp_path.resolve() / "root", tmp_path / "outside" / "m"
    outside.mkdir(parents=True)
    root.mkdir()
    (root / "1").symlink_to(outside.parent)
    with pytest.raises(SubjectError, match="where not only this server writes"):
        stored_path("mlflow-artifacts:/1/m", root)


def test_the_root_is_the_servers_destination(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.server import constants

    assert artifact_root() == serving.resolve()
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, serving.as_uri())
    assert artifact_root() == serving.resolve()
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, "s3://bucket/models")
    with pytest.raises(ConfigurationError, match="reads local folders only"):
        artifact_root()
    monkeypatch.delenv(constants.SERVE_ARTIFACTS_ENV_VAR)
    with pytest.raises(ConfigurationError, match="does not serve artifacts"):
        artifact_root()


def test_outside_a_server_nothing_is_known() -> None:
    assert not knows_destination()
    with pytest.raises(ConfigurationError, match="does not serve artifacts"):
        artifact_root()


def test_while_the_command_line_is_read() -> None:
    import click

    command = click.Command(
        "server", params=[click.Option(["--artifacts-destination"]), click.Option(["--serve-artifacts/--no"])]
    )
    with command.make_context("server", ["--artifacts-destination", "/srv/artifacts", "--serve-artifacts"]):
        assert knows_destination()
        assert artifact_root() == Path("/srv/artifacts")
    unserved = command.make_context("server", ["--artifacts-destination", "/srv/artifacts", "--no"])
    with unserved, pytest.raises(ConfigurationError):
        artifact_root()


def test_a_copy_is_followed_to_the_version_it_was_made_of(registry: Registry) -> None:
    registry.version("first", "1/m", attested=False)
    assert followed("models:/first/1", registry.store) == "mlflow-artifacts:/1/m"
    assert followed("mlflow-artifacts:/1/m", registry.store) == "mlflow-artifacts:/1/m"


@pytest.mark.parametrize("location", ["models:/first@champion", "models:/first/Staging", "models:/first/latest"])
def test_what_may_lead_elsewhere_tomorrow_is_not_followed(location: str, registry: Registry) -> None:
    registry.version("first", "1/m", attested=False)
    with pytest.raises(SubjectError, match="no fixed place"):
        followed(location, registry.store)


def test_a_circle_ends(registry: Registry) -> None:
    class Circle:
        def get_model_version_download_uri(self, name: str, version: object) -> str:
            return f"models:/{name}/{version}"

    with pytest.raises(SubjectError, match="no fixed place"):
        followed("models:/first/1", Circle())
