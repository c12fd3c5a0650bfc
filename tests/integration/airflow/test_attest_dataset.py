"""AttestDatasetOperator under dag.test(): what it attests, and what makes it fail for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.operators.attest_dataset import AttestDatasetOperator
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


def attestations(settings: Any, content: ContentDigest, predicate_type: str) -> list[Any]:
    verifier = settings.verifier()
    return [verifier.verify(each.raw) for each in settings.open_store().attestations(content, predicate_type)]


def test_a_folder_is_attested_and_handed_on(run_tasks: Any, settings: Any, data: Path) -> None:
    done = run_tasks(lambda: AttestDatasetOperator(task_id="attest", path=str(data)))
    assert done.states == {"attest": "success"}
    value = done.xcom("attest")
    content = measure(data).content
    (made,) = attestations(settings, content, reference.PREDICATE_TYPE)
    assert value == {
        "name": "sales",
        "uri": data.as_uri(),
        "digest": str(content),
        "attestation": made.identity,
    }
    assert made.functionary == "pipeline"
    assert made.statement.subjects[0].annotations["kind"] == "dataset"
    assert len(json.dumps(value)) < 1000


def test_a_retry_adds_nothing(run_tasks: Any, settings: Any, data: Path) -> None:
    identities = {
        run_tasks(lambda: AttestDatasetOperator(task_id="attest", path=str(data))).xcom("attest")["attestation"]
        for _ in range(2)
    }
    assert len(identities) == 1
    assert len(attestations(settings, measure(data).content, reference.PREDICATE_TYPE)) == 1


def test_another_name_is_another_attestation(run_tasks: Any, settings: Any, data: Path) -> None:
    for name in ("sales", "revenue"):
        run_tasks(lambda name=name: AttestDatasetOperator(task_id="attest", path=str(data), name=name))
    assert len(attestations(settings, measure(data).content, reference.PREDICATE_TYPE)) == 2


def test_templates_and_a_part(run_tasks: Any, settings: Any, data: Path) -> None:
    done = run_tasks(
        lambda: AttestDatasetOperator(
            task_id="attest", path="{{ params.folder }}", name="{{ params.name }}", include=["{{ params.glob }}"]
        ),
        {"folder": str(data), "name": "part", "glob": "a.*"},
    )
    value = done.xcom("attest")
    assert (value["name"], value["include"]) == ("part", ["a.*"])
    (made,) = attestations(settings, measure(data, include=["a.*"]).content, reference.PREDICATE_TYPE)
    assert made.statement.subjects[0].annotations["selection"] == ["a.*"]


def test_derived_data_name_their_source(run_tasks: Any, settings: Any, data: Path, project: Path) -> None:
    (project / "clean.csv").write_text("x\n1\n2\n")

    def tasks() -> None:
        raw = AttestDatasetOperator(task_id="raw", path=str(data))
        AttestDatasetOperator(task_id="clean", path=str(project / "clean.csv"), derived_from=raw.output)

    done = run_tasks(tasks)
    assert done.states == {"raw": "success", "clean": "success"}
    (made,) = attestations(settings, measure(project / "clean.csv").content, provenance.PREDICATE_TYPE)
    read = provenance.Provenance.parse(made.statement.predicate)
    assert read.build_type == provenance.BUILD_TYPE_PREPARATION
    assert [each.content() for each in read.inputs] == [measure(data).content]
    assert read.invocation_id == f"test_derived_data_name_their_source/{done.run_id}/clean/1"


def test_mapped_over_partitions(run_tasks: Any, settings: Any, data: Path) -> None:
    done = run_tasks(
        lambda: AttestDatasetOperator.partial(task_id="attest").expand(path=[str(data / "a.csv"), str(data / "b.csv")])
    )
    assert done.states == {"attest[0]": "success", "attest[1]": "success"}
    for name in ("a.csv", "b.csv"):
        assert attestations(settings, measure(data / name).content, reference.PREDICATE_TYPE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "{{ params.none }}"}, "path is empty after its template was rendered"),
        ({"path": "/nowhere/at/all"}, "cannot be read: No such file"),
        ({"path": "s3://bucket/key"}, "names no file of this machine"),
        ({"path": "DATA", "include": ["*.parquet"]}, "selects nothing"),
        ({"path": "DATA", "conn_id": "missing"}, 'no Airflow connection "missing"'),
        ({"path": "DATA", "role": "intern"}, 'no key is named for "intern"'),
        ({"path": "DATA", "role": "owner"}, "passphrase"),
        ({"path": "DATA", "role": "validation"}, "validation"),  # the trust root lets it validate, not attest data
        ({"path": "DATA", "derived_from": "/a/path"}, "derived_from"),
    ],
)
def test_what_a_retry_cannot_mend_fails_at_the_first_try(
    run_tasks: Any, settings: Any, data: Path, arguments: dict[str, Any], message: str, capfd: Any
) -> None:
    if arguments["path"] == "DATA":
        arguments = {**arguments, "path": str(data)}
    done = run_tasks(lambda: AttestDatasetOperator(task_id="attest", retries=2, **arguments), {"none": ""})
    assert done.states == {"attest": "failed"}  # up_for_retry would mean that it is tried again
    shown = "".join(capfd.readouterr())
    assert message in shown
    assert "AirflowFailException" in shown
    assert "hint:" in shown or message == "selects nothing"
    assert not attestations(settings, measure(data).content, reference.PREDICATE_TYPE)


def test_no_settings_at_all(run_tasks: Any, data: Path, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.delenv("ATTESTFLOW_CONFIG", raising=False)
    done = run_tasks(lambda: AttestDatasetOperator(task_id="attest", path=str(data)))
    assert done.states == {"attest": "failed"}
    assert "attestflow init" in "".join(capfd.readouterr())


def test_a_source_that_changed_is_no_source(run_tasks: Any, settings: Any, data: Path, project: Path) -> None:
    from airflow.sdk import task

    (project / "clean.csv").write_text("x\n1\n2\n")

    @task
    def flip(reference: dict[str, Any]) -> dict[str, Any]:
        (data / "a.csv").write_text("x\n9\n")
        return reference

    def tasks() -> None:
        raw = AttestDatasetOperator(task_id="raw", path=str(data))
        AttestDatasetOperator(task_id="clean", path=str(project / "clean.csv"), derived_from=flip(raw.output))

    done = run_tasks(tasks)
    assert done.states["clean"] == "failed"
    assert not attestations(settings, measure(project / "clean.csv").content, provenance.PREDICATE_TYPE)


def test_settings_come_from_the_connection(
    run_tasks: Any, settings: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTESTFLOW_CONFIG")
    connection = {"conn_type": "attestflow", "extra": {"config": str(settings.source)}}
    monkeypatch.setenv("AIRFLOW_CONN_EVIDENCE", json.dumps(connection))
    done = run_tasks(lambda: AttestDatasetOperator(task_id="attest", path=str(data), conn_id="evidence"))
    assert done.states == {"attest": "success"}
    assert attestations(settings, measure(data).content, reference.PREDICATE_TYPE)


def test_a_store_that_is_gone_is_not_made_anew(run_tasks: Any, settings: Any, data: Path, capfd: Any) -> None:
    store = Path(settings.store_url)
    store.rename(store.with_suffix(".away"))
    done = run_tasks(lambda: AttestDatasetOperator(task_id="attest", path=str(data)))
    assert done.states == {"attest": "failed"}
    assert "hint:" in "".join(capfd.readouterr())
    assert not store.exists()
