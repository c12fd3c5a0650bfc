"""The server's own destination: a guarded one or none, and what lies there is read as a client is served it."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError, SubjectError
from attestflow.integrations.mlflow.server.destination import Destination, is_known
from attestflow.subject import measure


def test_it_is_the_servers(serving: Path) -> None:
    assert Destination.of_this_server().folder == serving.resolve()


@pytest.mark.parametrize("plain", ["s3://bucket/models", "file:///srv/artifacts", "/srv/artifacts", "./art"])
def test_one_whose_files_could_be_replaced_is_refused(
    plain: str, serving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server import constants

    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, plain)
    with pytest.raises(ConfigurationError, match="could be replaced") as caught:
        Destination.of_this_server()
    assert "attestflow+" in str(caught.value.hint)
    assert "://" in str(caught.value.hint)


def test_a_server_that_serves_none_has_none(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.server import constants

    monkeypatch.delenv(constants.SERVE_ARTIFACTS_ENV_VAR)
    with pytest.raises(ConfigurationError, match="does not serve artifacts"):
        Destination.of_this_server()


def test_outside_a_server_nothing_is_known() -> None:
    assert not is_known()
    with pytest.raises(ConfigurationError, match="does not serve artifacts"):
        Destination.of_this_server()


def test_while_the_command_line_is_read() -> None:
    import click

    command = click.Command(
        "server", params=[click.Option(["--artifacts-destination"]), click.Option(["--serve-artifacts/--no"])]
    )
    stated = ["--artifacts-destination", "attestflow+file:///srv/artifacts"]
    with command.make_context("server", [*stated, "--serve-artifacts"]):
        assert is_known()
        assert Destination.of_this_server().folder == Path("/srv/artifacts").resolve()
    with command.make_context("server", [*stated, "--no"]), pytest.raises(ConfigurationError):
        Destination.of_this_server()


@pytest.mark.parametrize("uri", ["file://host/srv", "file:srv", "gopher://x/y"])
def test_what_cannot_be_opened_stops_the_start(uri: str) -> None:
    with pytest.raises(ConfigurationError):
        Destination(uri).check()


def test_a_way_through_a_symlink(tmp_path: Path) -> None:
    root, outside = tmp_path.resolve() / "root", tmp_path / "outside" / "m"
    outside.mkdir(parents=True)
    (outside / "MLmodel").write_text("x")
    root.mkdir()
    (root / "1").symlink_to(outside.parent)
    with pytest.raises(SubjectError, match="does not lie in this server's artifact folder"):
        Destination(root.as_uri()).measure("1/m", "m")


def test_another_store_gives_the_same_digest(tmp_path: Path) -> None:
    """What is read through MLflow's repository, as it is for S3, is the digest of the same files on a disk."""
    model = tmp_path / "1" / "m"
    (model / "data" / "deep").mkdir(parents=True)
    for name in ("MLmodel", "a b.txt", "data/ü.bin", "data/deep/.hidden"):
        (model / name).write_text(name)
    local = Destination(tmp_path.as_uri())
    assert local._measure_remote("1/m") == local.measure("1/m", "m") == measure(model).content


def test_nothing_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="nothing lies at"):
        Destination(tmp_path.as_uri())._measure_remote("1/none")
    with pytest.raises(SubjectError):
        Destination(tmp_path.as_uri()).measure("1/none", "m")
