"""Running Great Expectations over files: a suite kept in a JSON file, or a checkpoint of a project that exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attestflow.documents import parse_json, shown
from attestflow.errors import ConfigurationError
from attestflow.integrations.great_expectations.results import to_test_result
from attestflow.integrations.great_expectations.suite import Suite
from attestflow.predicates.test_result import TestResult

Validation = Callable[[Path], Any]


def run_suite(path: Path, suite_file: Path, files: Sequence[str] = ()) -> TestResult:
    """Validate the table at `path` (a Parquet, CSV or JSON-lines file, or a folder of one kind) against a suite.

    `suite_file` is a suite as Great Expectations writes it (`ExpectationSuite.to_json_dict()`). `files` limits a folder
    to these names. Raises ConfigurationError for a suite or data that cannot be read.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    document = _suite_document(suite_file)
    frame = read_table(path, files)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)  # they fill a task's log
    try:
        suite = context.suites.add(gx.ExpectationSuite(document["name"], expectations=document["expectations"]))
    except Exception as error:  # Great Expectations raises many kinds for an unknown type or a wrong argument
        raise ConfigurationError(f"suite {shown(suite_file)}: {type(error).__name__}: {error}") from error
    expected = _suite(suite.to_json_dict(), str(suite_file))
    asset = context.data_sources.add_pandas("attestflow").add_dataframe_asset(path.name)
    definition = gx.ValidationDefinition(
        name=document["name"], data=asset.add_batch_definition_whole_dataframe("whole"), suite=suite
    )
    result = context.validation_definitions.add(definition).run(batch_parameters={"dataframe": frame})
    return to_test_result([result.to_json_dict()], expected=expected)


def run_checkpoint(name: str, project: Path) -> TestResult:
    """Run the checkpoint `name` of the Great Expectations project in the folder `project`.

    The checkpoint says which data it reads; nothing here ties that to a path, so the caller must name the very files.
    """
    import great_expectations as gx

    context = gx.get_context(mode="file", project_root_dir=str(project))
    try:
        checkpoint = context.checkpoints.get(name)
    except Exception as error:  # DataContextError, or a registry error for a saved action that was not imported
        raise ConfigurationError(
            f"no checkpoint {shown(name)} in {shown(project)}: {error}",
            hint="a project of Great Expectations keeps them in gx/checkpoints",
        ) from error
    return read_results(checkpoint.run())


def run_callable(path: Path, validate: Validation) -> TestResult:
    """Call `validate(path)`; it returns a CheckpointResult or a validation result of Great Expectations."""
    return read_results(validate(path))


def read_results(result: Any) -> TestResult:
    """The predicate for a CheckpointResult or an ExpectationSuiteValidationResult."""
    several = getattr(result, "run_results", None)
    if isinstance(several, Mapping):
        return to_test_result([each.to_json_dict() for each in several.values()])
    if not hasattr(result, "to_json_dict"):
        raise ConfigurationError(
            f"expected results of Great Expectations, found {type(result).__name__}",
            hint="return what Checkpoint.run() or ValidationDefinition.run() gave",
        )
    return to_test_result([result.to_json_dict()])


def read_table(path: Path, files: Sequence[str] = ()) -> Any:
    """The table in a file, or in all files of a folder, as a pandas DataFrame; names that start with . or _ are no data."""
    import pandas as pd

    readers = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
    }
    if path.is_file():
        chosen = [path]
    else:
        names = files or sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
        chosen = [path / name for name in names if not Path(name).name.startswith((".", "_"))]
    suffixes = {each.suffix.lower() for each in chosen}
    if len(suffixes) != 1 or not suffixes <= readers.keys():
        raise ConfigurationError(
            f"{shown(path)} holds files of kind {', '.join(sorted(suffixes)) or 'none'}",
            hint=f"a table is files of one kind of {', '.join(readers)}; for anything else give a checkpoint or a callable",
        )
    read = readers[suffixes.pop()]
    try:
        return pd.concat([read(each) for each in chosen], ignore_index=True)
    except Exception as error:  # pyarrow and pandas raise many kinds for files that are not what their name says
        raise ConfigurationError(f"{shown(path)} cannot be read as a table: {error}") from error


def _suite_document(suite_file: Path) -> dict[str, Any]:
    try:
        data = suite_file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"suite {shown(suite_file)} cannot be read: {error.strerror}",
            hint="write one with json.dump(suite.to_json_dict(), file)",
        ) from None
    document = parse_json(data, f"suite {shown(suite_file)}", error=ConfigurationError)
    _suite(document, str(suite_file))
    assert isinstance(document, dict)
    return document


def _suite(document: object, where: str) -> Suite:
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        raise ConfigurationError(f"suite {shown(where)}: expected an object with a name and expectations")
    expectations = document.get("expectations")
    if not isinstance(expectations, list):
        raise ConfigurationError(f"suite {shown(where)}: expectations must be a list")
    return Suite.of(document["name"], expectations, f"suite {shown(where)}")
