from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from attestflow.errors import MalformedStatement
from attestflow.mlbom.inspect import summary

MODEL = {"type": "machine-learning-model", "name": "m"}


def bom(*components: object, **fields: object) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **fields}


def test_summary_of_a_real_bom(bom: bytes) -> None:
    found = summary(json.loads(bom))
    assert (found.spec_version, found.model, found.version, found.files) == ("1.6", "house-prices", "3", 5)
    assert [(dataset.name, dataset.content) for dataset in found.datasets] == [
        ("holdout", "tree:sha256:" + "cd" * 32),
        ("houses.parquet", "file:sha256:" + "ab" * 32),
    ]
    assert found.content is not None
    assert found.describes(found.content)
    assert not found.describes("tree:sha256:" + "0" * 64)


def test_minimal_boms_of_other_tools() -> None:
    assert summary(bom(MODEL)).model == "m"
    assert not summary(bom(MODEL)).describes("tree:sha256:" + "0" * 64)
    assert summary(bom({"type": "library", "name": "l"}, metadata={"component": MODEL})).model == "m"
    marked = {
        **MODEL,
        "name": "ours",
        "properties": [{"name": "attestflow:digest", "value": "tree:sha256:" + "0" * 64}],
    }
    assert summary(bom(MODEL, marked)).model == "ours"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "bomFormat"),
        ({**bom(MODEL), "bomFormat": "SPDX"}, "bomFormat"),
        ({**bom(MODEL), "specVersion": "1.4"}, "specVersion"),
        ({**bom(MODEL), "specVersion": 1.6}, "specVersion"),
        (bom(), "no component of type machine-learning-model"),
        (bom({"type": "library", "name": "l"}), "no component of type"),
        (bom(MODEL, MODEL), "which one"),
        (bom({"type": "machine-learning-model"}), "without a name"),
        (bom({**MODEL, "name": ["m"]}), "without a name"),
        (bom({**MODEL, "version": 1}), "version is no text"),
        (bom(1), "no list of objects"),
        ({**bom(MODEL), "components": {"a": MODEL}}, "no list of objects"),
        (bom({**MODEL, "properties": [{"name": "attestflow:digest", "value": "a"}] * 2}), "stands twice"),
        (bom({**MODEL, "properties": [{"name": "attestflow:digest", "value": 1}]}), "no text"),
    ],
)
def test_what_is_no_ml_bom(document: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedStatement, match=message):
        summary(document)


def test_importing_costs_nothing() -> None:
    """Neither the package nor what policy rules use loads a library; nor do the others before they are called."""
    code = (
        "import sys, attestflow.mlbom, attestflow.mlbom.inspect; from attestflow.mlbom import lint, cyclonedx, mlflow_model\n"
        "heavy = {'cyclonedx', 'jsonschema', 'yaml', 'packaging', 'packageurl', 'license_expression', 'mlflow', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"[]\n"
