from __future__ import annotations

import dataclasses
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from attestflow import __version__
from attestflow.digest import ContentDigest
from attestflow.errors import ConfigurationError
from attestflow.mlbom.cyclonedx import to_cyclonedx
from attestflow.mlbom.description import Dataset, ModelDescription, Port, Sourced
from attestflow.mlbom.lint import lint

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SNAPSHOT = Path(__file__).parent / "assets" / "model.cdx.json"


def components(bom: bytes) -> dict[str, dict[str, Any]]:
    return {component["bom-ref"]: component for component in json.loads(bom)["components"]}


def properties(component: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in component["properties"]}


def test_snapshot(bom: bytes) -> None:
    """The whole document, value by value; UPDATE_SNAPSHOTS=1 writes it again."""
    document = json.loads(bom)
    document["metadata"]["tools"]["components"][0]["version"] = "0.0.0"
    document["serialNumber"] = "urn:uuid:00000000-0000-0000-0000-000000000000"  # it hashes the version too
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert text == SNAPSHOT.read_text(encoding="utf-8")


def test_valid_and_clean(bom: bytes, description: ModelDescription) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bom.decode()) is None
    assert lint(bom, description.listing) == ()


def test_same_input_same_bytes_and_other_input_other_serial(bom: bytes, description: ModelDescription) -> None:
    assert to_cyclonedx(description, timestamp=NOW) == bom
    assert to_cyclonedx(description, timestamp=NOW.astimezone(timezone(timedelta(hours=2)))) == bom
    serials = {
        json.loads(to_cyclonedx(other, timestamp=when))["serialNumber"]
        for other, when in (
            (description, NOW),
            (description, NOW + timedelta(seconds=1)),
            (dataclasses.replace(description, metrics=()), NOW),
            (dataclasses.replace(description, version="4"), NOW),
        )
    }
    assert len(serials) == 4


def test_model_comes_first_and_its_user_in_metadata(bom: bytes) -> None:
    document = json.loads(bom)
    assert document["components"][0]["type"] == "machine-learning-model"
    assert document["metadata"]["component"]["name"] == "house-prices"
    assert document["metadata"]["tools"]["components"][0] == {
        "bom-ref": "tool:attestflow",
        "name": "attestflow",
        "type": "application",
        "version": __version__,
    }
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    assert edges["system"] == ["model"]
    assert edges["model"] == ["platform:python", "pypi:mlflow", "pypi:scikit-learn"]
    assert edges["pypi:mlflow"] == ["pypi:numpy"]


def test_tree_digest_is_no_file_hash(bom: bytes, description: ModelDescription) -> None:
    model = components(bom)["model"]
    assert "hashes" not in model
    assert properties(model)["attestflow:digest"] == str(description.content)
    reference = model["externalReferences"][0]
    assert reference["hashes"] == [{"alg": "SHA-256", "content": description.content.sha256}]
    assert reference["url"].startswith("listings/")
    data = components(bom)
    assert data["data:file:sha256:" + "ab" * 32]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert "hashes" not in data["data:tree:sha256:" + "cd" * 32]


def test_each_value_says_how_it_is_known(bom: bytes) -> None:
    model = components(bom)["model"]
    card = {entry["name"]: entry["value"] for entry in model["modelCard"]["properties"]}
    known = {**properties(model), **card}
    prefix = "attestflow:basis:"
    assert known[prefix + "digest"].startswith("measured: ")
    assert known[prefix + "modelArchitecture"] == "measured: file model.skops (schema.json)"
    assert known[prefix + "framework"] == "self-asserted: file MLmodel"
    assert known[prefix + "metric:rmse"] == "self-asserted: MLflow run"
    assert known[prefix + "hyperparameter:fit_intercept"] == "self-asserted: MLflow run"
    for ref in ("data:file:sha256:" + "ab" * 32, "data:tree:sha256:" + "cd" * 32):
        assert properties(components(bom)[ref])[prefix + "digest"] == "attested: content attestation"


def test_only_training_data_goes_into_the_training(bom: bytes) -> None:
    document = json.loads(bom)
    card = document["components"][0]["modelCard"]
    assert {entry["ref"][:9] for entry in card["modelParameters"]["datasets"]} == {"data:file", "data:tree"}
    workflow = document["formulation"][0]["workflows"][0]
    assert workflow["inputs"] == [{"resource": {"ref": "data:file:sha256:" + "ab" * 32}}]
    assert workflow["outputs"] == [{"type": "artifact", "resource": {"ref": "model"}}]


def test_compositions_claim_no_more_than_is_known(bom: bytes, description: ModelDescription) -> None:
    def aggregates(data: bytes) -> dict[str, str]:
        return {entry["bom-ref"]: entry["aggregate"] for entry in json.loads(data)["compositions"]}

    assert aggregates(bom) == {
        "composition:files": "complete",
        "composition:dependencies": "incomplete",
        "composition:system": "unknown",
    }
    bare = to_cyclonedx(dataclasses.replace(description, environment=None), timestamp=NOW)
    assert aggregates(bare)["composition:dependencies"] == "unknown"
    assert lint(bare, description.listing) == ()


def test_purls(bom: bytes) -> None:
    purl = PackageURL.from_string(components(bom)["model"]["purl"])
    assert (purl.type, purl.name, purl.version) == ("mlflow", "house-prices", "3")
    assert purl.qualifiers == {
        "model_uuid": "9de01fd22600405f9c19531198ff30a5",
        "repository_url": "https://registry.example/mlflow",
    }
    assert components(bom)["pypi:numpy"]["purl"] == "pkg:pypi/numpy@2.4.6"


def test_secrets_in_urls_do_not_enter(bom: bytes) -> None:
    assert b"secret" not in bom
    assert b"token" not in bom


@pytest.mark.parametrize("name", ["a/b c", "ü@1?x=y#z", "<script>alert(1)</script>", "%2F", '"quoted"', "x" * 1000])
def test_odd_names_are_data(description: ModelDescription, name: str) -> None:
    odd = dataclasses.replace(
        description,
        name=name,
        version=name,
        inputs=Sourced((Port(name, "double"), Port(name, "long")), "s", "self-asserted"),
        datasets=tuple(Dataset(name, dataset.content, name, "attested", role=name) for dataset in description.datasets),
    )
    bom = to_cyclonedx(odd, timestamp=NOW)
    assert lint(bom, description.listing) == ()
    assert json.loads(bom)["components"][0]["name"] == name
    assert PackageURL.from_string(json.loads(bom)["components"][0]["purl"]).version == name


def test_one_content_in_two_roles(description: ModelDescription) -> None:
    content = ContentDigest("file", "ef" * 32)
    twice = (Dataset("a", content, "s", "attested"), Dataset("b", content, "s", "attested", role="test"))
    bom = to_cyclonedx(dataclasses.replace(description, datasets=twice), timestamp=NOW)
    assert lint(bom, description.listing) == ()
    assert [component["name"] for component in json.loads(bom)["components"] if component["type"] == "data"] == [
        "a",
        "b",
    ]


def test_many_columns_are_counted(description: ModelDescription) -> None:
    ports = tuple(Port(f"c{number}", "double") for number in range(1500))
    bom = to_cyclonedx(dataclasses.replace(description, inputs=Sourced(ports, "s", "self-asserted")), timestamp=NOW)
    listed = [entry["value"] for entry in json.loads(bom)["components"][0]["modelCard"]["properties"]]
    assert "1500 columns, the first 1000 are listed" in listed


def test_time_and_serial_are_checked(description: ModelDescription) -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        to_cyclonedx(description, timestamp=datetime(2026, 1, 1))
    with pytest.raises(ConfigurationError, match="serial number"):
        to_cyclonedx(description, timestamp=NOW, serial="1")
    serial = "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"
    assert json.loads(to_cyclonedx(description, timestamp=NOW, serial=serial))["serialNumber"] == serial


def test_packages_that_are_missing_are_said(description: ModelDescription) -> None:
    from attestflow.mlbom.description import Dependency, Environment

    missing = Environment(
        (Dependency("lost", None, requirement="lost==1", satisfied=False),), "CPython 3.11.7", "s", "measured", False
    )
    bom = to_cyclonedx(dataclasses.replace(description, environment=missing), timestamp=NOW)
    assert lint(bom, description.listing) == ()
    lost = components(bom)["pypi:lost"]
    assert "version" not in lost
    assert properties(lost) == {
        "attestflow:installed": "false",
        "attestflow:requirement": "lost==1",
        "attestflow:requirement-satisfied": "false",
    }
    assert properties(components(bom)["model"])["attestflow:python-packages"] == "incomplete"
