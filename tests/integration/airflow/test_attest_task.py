"""`@task.attest` under dag.test(): provenance says what was really read; a changed byte does not get through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.operators.attest_dataset import AttestDatasetOperator
from attestflow.operators.attest_task import Output
from attestflow.predicates import provenance, reference
from attestflow.subject import measure

pytestmark = pytest.mark.airflow


@pytest.fixture
def data(project: Path) -> Path:
    folder = project / "sales"
    folder.mkdir()
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("x\n2\n")
    return folder


@pytest.fixture
def out(project: Path) -> Path:
    return project / "clean.csv"


def provenances(settings: Any, content: ContentDigest) -> list[provenance.Provenance]:
    verifier, store = settings.verifier(), settings.open_store()
    found = [verifier.verify(each.raw) for each in store.attestations(content, provenance.PREDICATE_TYPE)]
    return [provenance.Provenance.parse(each.statement.predicate) for each in found]


def chain(data: Path, out: Path, between: Callable[[Any], Any] | None = None, **options: Any) -> Callable[[], None]:
    """attest → (between) → a task that copies the first file, as a function that makes the tasks."""
    from airflow.sdk import task

    @task.attest(parameters=["factor"], **options)
    def clean(sales: Any, factor: int = 3, ignored: str = "secret") -> Output:
        assert ignored
        out.write_text((sales.path / "a.csv").read_text())
        return Output(out, metrics={"rows": 1})

    def tasks() -> None:
        handed = AttestDatasetOperator(task_id="attest", path=str(data)).output
        clean(task(between)(handed) if between else handed)

    return tasks


def test_provenance_of_a_run(run_tasks: Any, settings: Any, data: Path, out: Path) -> None:
    done = run_tasks(chain(data, out))
    assert done.states == {"attest": "success", "clean": "success"}
    (made,) = provenances(settings, measure(out).content)
    assert [each.content() for each in made.inputs] == [measure(data).content]
    assert [each.name for each in made.inputs] == ["sales/"]
    assert made.build_type == provenance.BUILD_TYPE_PREPARATION
    assert made.builder_id == "https://attestflow.dev/builders/airflow"
    assert made.invocation_id == f"test_provenance_of_a_run/{done.run_id}/clean/1"
    assert made.external_parameters["parameters"] == {"factor": 3}  # what is not on the list stays out
    assert dict(made.byproducts[0].annotations) == {"rows": 1}
    assert made.byproducts[1].name == "resources"
    assert made.byproducts[1].annotations["max_rss_mib"] > 1
    assert made.started_on
    value = done.xcom("clean")
    assert (value["name"], value["uri"]) == ("clean.csv", out.as_uri())
    assert value["digest"] == str(measure(out).content)


def test_a_masked_value_stays_masked(run_tasks: Any, settings: Any, data: Path, out: Path) -> None:
    from airflow.sdk import task
    from airflow.sdk.log import mask_secret

    @task.attest(parameters=["password", "url"])
    def clean(sales: Any, password: str, url: str) -> str:
        mask_secret("hunter2-hunter2")
        out.write_text("x")
        return str(out)

    mask_secret("hunter2-hunter2")

    def tasks() -> None:
        handed = AttestDatasetOperator(task_id="attest", path=str(data)).output
        clean(handed, password="hunter3-hunter3", url="https://hunter2-hunter2@host")

    run_tasks(tasks)
    (made,) = provenances(settings, measure(out).content)
    assert "hunter" not in str(made.external_parameters)


def flip(data: Path) -> Callable[[Any], Any]:
    def flip_labels(handed: Any) -> Any:
        (data / "a.csv").write_text("x\n9\n")
        return handed

    return flip_labels


def test_a_byte_flipped_between_two_tasks_stops_the_second(
    run_tasks: Any, settings: Any, data: Path, out: Path, capfd: Any
) -> None:
    before = measure(data)
    done = run_tasks(chain(data, out, between=flip(data), retries=2))
    assert done.states == {"attest": "success", "flip_labels": "success", "clean": "failed"}
    assert not out.exists()  # the function never ran
    shown = "".join(capfd.readouterr())
    assert "AirflowFailException" in shown
    assert before.listing is not None
    for part in ("a.csv", str(before.content), str(measure(data).content), str(before.listing.get("a.csv"))):
        assert part in shown


def test_record_writes_down_what_was_really_read(run_tasks: Any, settings: Any, data: Path, out: Path) -> None:
    attested = measure(data).content
    done = run_tasks(chain(data, out, between=flip(data), on_mismatch="record"))
    assert done.states["clean"] == "success"
    (made,) = provenances(settings, measure(out).content)
    read = measure(data).content
    assert [each.content() for each in made.inputs] == [read]
    assert read != attested
    assert settings.open_store().listing(read.sha256) is not None  # so that a gate can name the file


def test_an_input_that_changes_while_the_task_runs(
    run_tasks: Any, settings: Any, data: Path, out: Path, capfd: Any
) -> None:
    from airflow.sdk import task

    @task.attest(on_mismatch="record")
    def clean(sales: Any) -> str:
        (sales.path / "a.csv").write_text("x\n9\n")
        out.write_text("x")
        return str(out)

    done = run_tasks(lambda: clean(AttestDatasetOperator(task_id="attest", path=str(data)).output))
    assert done.states["clean"] == "failed"
    assert "changed while the task ran" in "".join(capfd.readouterr())
    assert not provenances(settings, measure(out).content)


def forged(data: Path) -> Callable[[Any], Any]:
    """What somebody with the metadata database can do: put in bytes of their own, and a reference that fits them."""

    def tamper_xcom(handed: Any) -> Any:
        (data / "a.csv").write_text("x\n9\n")
        return {**handed, "digest": str(measure(data).content)}

    return tamper_xcom


def test_a_forged_reference_is_no_evidence(run_tasks: Any, settings: Any, data: Path, out: Path, capfd: Any) -> None:
    done = run_tasks(chain(data, out, between=forged(data)))
    assert done.states["clean"] == "failed"
    assert not out.exists()
    assert "nobody in the trust root attested" in "".join(capfd.readouterr())


@pytest.mark.parametrize("value", [None, 7, "", [], {"path": "x"}])
def test_a_task_that_returns_nothing_to_attest(
    run_tasks: Any, settings: Any, data: Path, value: Any, capfd: Any
) -> None:
    from airflow.sdk import task

    @task.attest
    def clean(sales: Any) -> Any:
        return value

    done = run_tasks(lambda: clean(AttestDatasetOperator(task_id="attest", path=str(data)).output))
    assert done.states["clean"] == "failed"
    assert "hint: return" in "".join(capfd.readouterr())


@pytest.mark.parametrize("name", ["nonsense", "day"])
def test_parameters_that_cannot_be_recorded(run_tasks: Any, settings: Any, data: Path, name: str, capfd: Any) -> None:
    from airflow.sdk import task

    @task.attest(parameters=[name])
    def clean(sales: Any, day: Any) -> Any:
        raise AssertionError("must not run")

    def tasks() -> None:
        clean(AttestDatasetOperator(task_id="attest", path=str(data)).output, day=timedelta(days=1))

    done = run_tasks(tasks)
    assert done.states["clean"] == "failed"
    shown = "".join(capfd.readouterr())
    assert "hint: " in shown
    assert "must not run" not in shown


def test_several_outputs_and_mapped_inputs(run_tasks: Any, settings: Any, data: Path, project: Path) -> None:
    from airflow.sdk import task

    @task.attest
    def merge(parts: Any) -> list[Path]:
        made = [project / "head.csv", project / "tail.csv"]
        for part, file in zip(parts, made, strict=True):
            file.write_text(part.path.read_text() + "\n")
        return made

    def tasks() -> None:
        paths = [str(data / "a.csv"), str(data / "b.csv")]
        merge(AttestDatasetOperator.partial(task_id="attest").expand(path=paths).output)

    done = run_tasks(tasks)
    assert done.states["merge"] == "success"
    assert [each["name"] for each in done.xcom("merge")] == ["head.csv", "tail.csv"]
    for name in ("head.csv", "tail.csv"):
        (made,) = provenances(settings, measure(project / name).content)
        assert [each.content() for each in made.inputs] == [measure(data / part).content for part in ("a.csv", "b.csv")]


def test_an_engineers_own_errors_are_retried(run_tasks: Any, settings: Any, data: Path, out: Path) -> None:
    from airflow.sdk import task

    tried = []

    @task.attest(retries=1, retry_delay=timedelta(0))
    def clean(sales: Any) -> str:
        tried.append(1)
        if len(tried) == 1:
            raise OSError("network")
        out.write_text("x")
        return str(out)

    done = run_tasks(lambda: clean(AttestDatasetOperator(task_id="attest", path=str(data)).output))
    assert done.states["clean"] == "success"
    (made,) = provenances(settings, measure(out).content)
    assert str(made.invocation_id).endswith("/clean/2")


def test_outputs_are_attested_too(run_tasks: Any, settings: Any, data: Path, out: Path) -> None:
    run_tasks(chain(data, out))
    store, verifier = settings.open_store(), settings.verifier()
    (made,) = [verifier.verify(each.raw) for each in store.attestations(measure(out).content, reference.PREDICATE_TYPE)]
    assert made.statement.subjects[0].annotations["kind"] == "dataset"
