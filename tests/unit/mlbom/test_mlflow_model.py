from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestflow.digest import ContentDigest
from attestflow.errors import ConfigurationError, DigestMismatch, SubjectError
from attestflow.mlbom.cyclonedx import to_cyclonedx
from attestflow.mlbom.description import Dataset, Environment, Metric, Parameter, System
from attestflow.mlbom.lint import lint
from attestflow.mlbom.mlflow_model import describe_model_dir
from attestflow.subject import measure

NOW = datetime(2026, 11, 23, tzinfo=UTC)
EMPTY = Environment((), "CPython 3.11.7", "test", "measured", True)


@pytest.mark.parametrize("name", ["plain", "full", "pyfunc"])
def test_bom_of_a_real_model_is_valid_and_matches_what_attest_measures(
    saved_models: dict[str, Path], name: str
) -> None:
    measured = measure(saved_models[name])
    assert measured.listing is not None
    described = describe_model_dir(saved_models[name], name=name, version="1", listing=measured.listing)
    assert described.content == measured.content
    assert sum(file.size for file in described.files) == measured.size
    assert lint(to_cyclonedx(described, timestamp=NOW), measured.listing) == ()


def test_weights_tell_the_architecture(saved_models: dict[str, Path]) -> None:
    described = describe_model_dir(saved_models["plain"], name="iris", environment=EMPTY)
    assert described.architecture is not None
    assert described.architecture.value == (
        "sklearn.pipeline.Pipeline(sklearn.preprocessing.StandardScaler, sklearn.linear_model.LogisticRegression)"
    )
    assert described.architecture.basis == "measured"
    assert described.task is not None
    assert (described.task.value, described.task.basis) == ("classification", "measured")
    assert described.framework is not None
    assert (described.framework.value, described.framework.basis) == ("sklearn", "self-asserted")


def test_nothing_is_said_of_weights_that_are_not_understood(saved_models: dict[str, Path]) -> None:
    full = describe_model_dir(saved_models["full"], name="iris", environment=EMPTY)
    assert (full.architecture, full.task, full.approach) == (None, None, None)
    assert full.inputs is not None
    assert [port.type for port in full.inputs.value] == ["double"] * 4
    pyfunc = describe_model_dir(saved_models["pyfunc"], name="constant", environment=EMPTY)
    assert (pyfunc.framework, pyfunc.architecture, pyfunc.task) == (None, None, None)


def test_dependencies_are_those_installed(saved_models: dict[str, Path]) -> None:
    from importlib.metadata import version

    environment = describe_model_dir(saved_models["plain"], name="iris").environment
    assert environment is not None
    found = {dependency.name: dependency for dependency in environment.dependencies}
    assert found["scikit-learn"].version == version("scikit-learn")
    assert found["scikit-learn"].licence is not None
    assert found["scikit-learn"].licence.expression == "BSD-3-Clause"
    assert "numpy" in found["scikit-learn"].depends_on


def test_no_path_of_the_machine_enters_the_bom(saved_models: dict[str, Path]) -> None:
    for path in saved_models.values():
        bom = to_cyclonedx(describe_model_dir(path, name="m"), timestamp=NOW)
        assert str(path.parent).encode() not in bom


def test_model_that_differs_from_its_attested_listing_is_refused(saved_models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(saved_models["plain"], copy)
    listing = measure(copy).listing
    assert describe_model_dir(copy, name="m", listing=listing, environment=EMPTY).listing == listing
    with (copy / "MLmodel").open("a") as file:
        file.write("\n")
    with pytest.raises(DigestMismatch, match=r'"MLmodel" was [0-9a-f]{64} and is [0-9a-f]{64}'):
        describe_model_dir(copy, name="m", listing=listing, environment=EMPTY)


def test_directory_without_mlmodel(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(SubjectError, match="no readable file MLmodel"):
        describe_model_dir(tmp_path, name="m")


def test_what_the_caller_states_is_marked_so(asset_model: Path) -> None:
    described = describe_model_dir(asset_model, name="m", task="ranking", approach="self-supervised", environment=EMPTY)
    assert described.task is not None
    assert (described.task.value, described.task.basis) == ("ranking", "self-asserted")
    assert described.approach is not None
    assert described.approach.basis == "self-asserted"


def test_bad_values_of_the_caller(asset_model: Path) -> None:
    def describe(**changes: object) -> None:
        describe_model_dir(asset_model, **{"name": "m", "environment": EMPTY, **changes})  # type: ignore[arg-type]

    describe()
    bad: list[tuple[dict[str, object], str]] = [
        ({"licence": "Apache 2"}, "no SPDX licence"),
        ({"approach": "magic"}, "learning approach"),
        ({"name": "a\x1b[2J"}, "control characters"),
        ({"name": ""}, "is empty"),
        ({"version": "1\n"}, "control characters"),
        ({"metrics": [Metric("a", 1, "s", "measured"), Metric("a", 2, "s", "measured")]}, "given twice"),
    ]
    for changes, message in bad:
        with pytest.raises(ConfigurationError, match=message):
            describe(**changes)
    with pytest.raises(ConfigurationError, match="control characters"):
        Dataset("a\u202eb", ContentDigest("file", "a" * 64), "s", "attested")
    with pytest.raises(ConfigurationError, match="finite"):
        Metric.many({"loss": float("nan")}, source="run", basis="self-asserted")
    with pytest.raises(ConfigurationError, match="the basis"):
        Dataset("a", ContentDigest("file", "a" * 64), "s", "sworn")  # type: ignore[arg-type]


def test_text_of_several_lines_as_a_parameter() -> None:
    (parameter,) = Parameter.many({"prompt": "two\nlines"}, source="run", basis="self-asserted")
    assert parameter.value == "two\\nlines"
    with pytest.raises(ConfigurationError, match="control characters"):
        Parameter("prompt\n", "x", "run", "self-asserted")


def test_system_that_uses_the_model(asset_model: Path) -> None:
    described = describe_model_dir(asset_model, name="m", system=System("price-service", "2.1"), environment=EMPTY)
    assert json.loads(to_cyclonedx(described, timestamp=NOW))["metadata"]["component"]["name"] == "price-service"
