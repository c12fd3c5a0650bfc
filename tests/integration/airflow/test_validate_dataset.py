"""ValidateDatasetOperator under dag.test() with real Great Expectations."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attestflow.integrations.great_expectations import run
from attestflow.operators.attest_dataset import AttestDatasetOperator
from attestflow.operators.validate_dataset import ValidateDatasetOperator
from attestflow.predicates.test_result import PREDICATE_TYPE, TestResult
from attestflow.subject import measure

pytestmark = pytest.mark.airflow

EXPECTATIONS = [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 0, "max_value": 120}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}, "severity": "warning"},
]


@pytest.fixture
def people(project: Path) -> Path:
    folder = project / "people"
    folder.mkdir()
    pd.DataFrame({"age": [1, 2], "name": ["ann", "bob"]}).to_parquet(folder / "a.parquet")
    return folder


@pytest.fixture
def suite(project: Path) -> str:
    file = project / "suite.json"
    file.write_text(json.dumps({"name": "people", "expectations": EXPECTATIONS}))
    return str(file)


def results(settings: Any, path: Path) -> list[TestResult]:
    verifier, store = settings.verifier(), settings.open_store()
    found = [verifier.verify(each.raw) for each in store.attestations(measure(path).content, PREDICATE_TYPE)]
    assert all(each.functionary == "validation" for each in found)
    return [TestResult.parse(each.statement.predicate) for each in found]


def chain(people: Path, **arguments: Any) -> Any:
    def tasks() -> None:
        raw = AttestDatasetOperator(task_id="attest", path=str(people))
        ValidateDatasetOperator(
            task_id="validate", dataset=raw.output, retries=1, retry_delay=timedelta(0), **arguments
        )

    return tasks


def test_good_data_pass_and_are_handed_on(run_tasks: Any, settings: Any, people: Path, suite: str) -> None:
    done = run_tasks(chain(people, suite=suite))
    assert done.states == {"attest": "success", "validate": "success"}
    (made,) = results(settings, people)
    assert (made.result, len(made.passed_tests)) == ("PASSED", 2)
    assert done.xcom("validate")["digest"] == done.xcom("attest")["digest"]
    assert done.xcom("validate", "validation")["result"] == "PASSED"


def test_bad_data_are_attested_as_failed_and_stop_the_dag(
    run_tasks: Any, settings: Any, people: Path, suite: str, capfd: Any
) -> None:
    pd.DataFrame({"age": [999], "name": ["dee"]}).to_parquet(people / "b.parquet")
    done = run_tasks(chain(people, suite=suite))
    assert done.states["validate"] == "failed"
    (made,) = results(settings, people)
    assert (made.result, made.failed_tests) == ("FAILED", ("expect_column_values_to_be_between(age)",))
    assert "999" not in json.dumps(made.to_json())
    assert done.xcom("validate", "validation")["failed"] == ["expect_column_values_to_be_between(age)"]
    assert done.xcom("validate") is None
    shown = "".join(capfd.readouterr())
    assert "AirflowFailException" in shown
    assert "people failed 1 expectations" in shown


def test_a_warning_is_attested_and_passes(run_tasks: Any, settings: Any, people: Path, suite: str) -> None:
    pd.DataFrame({"age": [9], "name": [None]}).to_parquet(people / "b.parquet")
    done = run_tasks(chain(people, suite=suite))
    assert done.states["validate"] == "success"
    assert [each.result for each in results(settings, people)] == ["WARNED"]


def test_data_that_changed_since_they_were_attested(
    run_tasks: Any, settings: Any, people: Path, suite: str, capfd: Any
) -> None:
    from airflow.sdk import task

    @task
    def drop_rows(handed: Any) -> Any:
        pd.DataFrame({"age": [1], "name": ["ann"]}).to_parquet(people / "a.parquet")
        return handed

    def tasks() -> None:
        raw = AttestDatasetOperator(task_id="attest", path=str(people))
        ValidateDatasetOperator(task_id="validate", dataset=drop_rows(raw.output), suite=suite)

    done = run_tasks(tasks)
    assert done.states["validate"] == "failed"
    assert not results(settings, people)
    assert '"a.parquet": attested sha256' in "".join(capfd.readouterr())


def test_data_that_change_while_they_are_validated(
    run_tasks: Any, settings: Any, people: Path, suite: str, capfd: Any
) -> None:
    def validate(path: Path) -> Any:
        result = _validate(path, suite)
        pd.DataFrame({"age": [999], "name": ["late"]}).to_parquet(path / "b.parquet")
        return result

    done = run_tasks(chain(people, validator=validate))
    assert done.states["validate"] == "failed"
    assert "changed while it was validated" in "".join(capfd.readouterr())
    assert not results(settings, people)


def _validate(path: Path, suite: str) -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    made = context.suites.add(gx.ExpectationSuite(**json.loads(Path(suite).read_text())))
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
    definition = gx.ValidationDefinition(name="v", data=asset.add_batch_definition_whole_dataframe("w"), suite=made)
    return context.validation_definitions.add(definition).run(batch_parameters={"dataframe": run.read_table(path)})


def test_a_function_may_run_great_expectations(run_tasks: Any, settings: Any, people: Path, suite: str) -> None:
    done = run_tasks(chain(people, validator=lambda path: _validate(path, suite)))
    assert done.states["validate"] == "success"
    by_function = results(settings, people)[0]
    assert by_function.configuration == run.run_suite(people, Path(suite)).configuration


def test_a_path_that_nobody_attested(run_tasks: Any, settings: Any, people: Path, suite: str) -> None:
    done = run_tasks(lambda: ValidateDatasetOperator(task_id="validate", path=str(people), suite=suite))
    assert done.states == {"validate": "success"}
    assert done.xcom("validate")["digest"] == str(measure(people).content)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of suite, checkpoint and validator"),
        ({"suite": "{{ params.none }}"}, "suite is empty"),
        ({"suite": "/nowhere.json"}, "No such file"),
        ({"suite": "SUITE", "checkpoint": "c"}, "give one of suite, checkpoint and validator"),
        ({"checkpoint": "nightly"}, "project is empty"),
        ({"suite": "SUITE", "role": "pipeline"}, "pipeline"),  # may not speak about validation
        ({"suite": "SUITE", "conn_id": "missing"}, 'no Airflow connection "missing"'),
    ],
)
def test_what_cannot_be_validated_fails_for_good(
    run_tasks: Any, settings: Any, people: Path, suite: str, arguments: dict[str, Any], message: str, capfd: Any
) -> None:
    if arguments.get("suite") == "SUITE":
        arguments = {**arguments, "suite": suite}
    from airflow.sdk import task

    @task
    def nothing() -> None:
        """So that params are in the DAG."""

    def tasks() -> None:
        nothing()
        chain(people, **arguments)()

    done = run_tasks(tasks, {"none": ""})
    assert done.states["validate"] == "failed"
    shown = "".join(capfd.readouterr())
    assert message in shown
    assert "AirflowFailException" in shown
    assert not results(settings, people)
