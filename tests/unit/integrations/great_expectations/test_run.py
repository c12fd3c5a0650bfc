"""Real Great Expectations over real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attestflow.errors import ConfigurationError
from attestflow.integrations.great_expectations import run
from attestflow.integrations.great_expectations.suite import Suite

EXPECTATIONS = [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 0, "max_value": 120}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}, "severity": "warning"},
]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "suite.json"
    file.write_text(json.dumps({"name": "people", "expectations": EXPECTATIONS}))
    return file


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    folder.mkdir()
    pd.DataFrame({"age": [1, 2], "name": ["ann", "bob"]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"age": [119], "name": ["cy"]}).to_parquet(folder / "b.parquet")
    return folder


def test_a_folder_of_parquet_passes(people: Path, suite: Path) -> None:
    result = run.run_suite(people, suite)
    assert result.result == "PASSED"
    assert result.passed_tests == (
        "expect_column_values_to_be_between(age)",
        "expect_column_values_to_not_be_null(name)",
    )
    assert dict(result.configuration[0].digest) == {"sha256": Suite.of("people", EXPECTATIONS, "test").sha256}


def test_the_last_file_counts_too(people: Path, suite: Path) -> None:
    pd.DataFrame({"age": [999], "name": ["old"]}).to_parquet(people / "c.parquet")
    result = run.run_suite(people, suite)
    assert (result.result, result.failed_tests) == ("FAILED", ("expect_column_values_to_be_between(age)",))
    assert "999" not in json.dumps(result.to_json())


def test_a_failed_warning_warns(people: Path, suite: Path) -> None:
    pd.DataFrame({"age": [9], "name": [None]}).to_parquet(people / "c.parquet")
    assert run.run_suite(people, suite).result == "WARNED"


def test_a_column_that_is_missing_fails(people: Path, suite: Path) -> None:
    for file in people.iterdir():
        pd.DataFrame({"name": ["x"]}).to_parquet(file)
    result = run.run_suite(people, suite)
    assert result.failed_tests == ("expect_column_values_to_be_between(age)",)


@pytest.mark.parametrize(("suffix", "write"), [(".csv", "to_csv"), (".jsonl", "to_json"), (".parquet", "to_parquet")])
def test_kinds_of_files(tmp_path: Path, suite: Path, suffix: str, write: str) -> None:
    file = tmp_path / f"people{suffix}"
    options: dict[str, Any] = {"orient": "records", "lines": True} if suffix == ".jsonl" else {}
    getattr(pd.DataFrame({"age": [3], "name": ["dee"]}), write)(file, **options)
    assert run.run_suite(file, suite).result == "PASSED"


def test_a_folder_of_two_kinds_is_no_table(people: Path, suite: Path) -> None:
    (people / "notes.csv").write_text("age\n1\n")
    with pytest.raises(ConfigurationError, match=r"\.csv, \.parquet"):
        run.run_suite(people, suite)


def test_a_broken_file_is_no_table(people: Path, suite: Path) -> None:
    (people / "c.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ConfigurationError, match="cannot be read as a table"):
        run.run_suite(people, suite)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"name": "s"}',
        '{"name": "s", "expectations": []}',
        '{"name": "s", "name": "t", "expectations": []}',
        '{"name": "s", "expectations": [{"type": "expect_pigs_to_fly", "kwargs": {}}]}',
        '{"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"colour": 1}}]}',
    ],
)
def test_a_broken_suite_is_refused(people: Path, tmp_path: Path, text: str) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    with pytest.raises(ConfigurationError):
        run.run_suite(people, broken)


def test_a_missing_suite_is_refused(people: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        run.run_suite(people, tmp_path / "none.json")


def test_a_checkpoint_of_a_project(people: Path, tmp_path: Path) -> None:
    import great_expectations as gx

    context = gx.get_context(mode="file", project_root_dir=str(tmp_path / "project"))
    asset = context.data_sources.add_pandas_filesystem("disk", base_directory=people).add_parquet_asset("people")
    suite = gx.ExpectationSuite("people", expectations=[dict(each) for each in EXPECTATIONS])
    definition = gx.ValidationDefinition(
        name="people", data=asset.add_batch_definition_path("a", path="a.parquet"), suite=context.suites.add(suite)
    )
    definition = context.validation_definitions.add(definition)
    context.checkpoints.add(gx.Checkpoint(name="nightly", validation_definitions=[definition]))

    result = run.run_checkpoint("nightly", tmp_path / "project")
    assert result.result == "PASSED"
    assert dict(result.configuration[0].digest) == {"sha256": Suite.of("people", EXPECTATIONS, "test").sha256}
    with pytest.raises(ConfigurationError, match='no checkpoint "weekly"'):
        run.run_checkpoint("weekly", tmp_path / "project")


def test_a_callable_must_return_results(people: Path) -> None:
    with pytest.raises(ConfigurationError, match="found bool"):
        run.run_callable(people, lambda path: True)
