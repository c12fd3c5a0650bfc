from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestflow.digest import Listing
from attestflow.mlbom.description import ModelDescription
from attestflow.mlbom.lint import Problem, lint

Bom = dict[str, Any]


def checks(bom: Bom, listing: Listing | None = None) -> set[str]:
    return {problem.check for problem in lint(json.dumps(bom).encode(), listing)}


def model(bom: Bom) -> Bom:
    found: Bom = bom["components"][0]
    return found


def package(bom: Bom, name: str) -> Bom:
    return next(component for component in bom["components"] if component["name"] == name)


def set_digest(bom: Bom) -> None:
    for entry in model(bom)["properties"]:
        if entry["name"] == "attestflow:digest":
            entry["value"] = "tree:sha256:" + "0" * 64


def rename_file(bom: Bom) -> None:
    model(bom)["components"][0]["name"] = "other"


CHANGES: list[tuple[str, str, Callable[[Bom], object]]] = [
    ("schema", "unknown field", lambda bom: bom.update(extra=1)),
    ("schema", "wrong type", lambda bom: model(bom).update(name=["x"])),
    ("schema", "other format", lambda bom: bom.update(bomFormat="SPDX")),
    ("schema", "old version", lambda bom: bom.update(specVersion="1.2")),
    ("schema", "no date", lambda bom: bom["metadata"].update(timestamp="yesterday")),
    ("schema", "unknown licence id", lambda bom: package(bom, "numpy").update(licenses=[{"license": {"id": "Mine"}}])),
    ("references", "dangling dependency", lambda bom: bom["dependencies"][0].update(dependsOn=["nobody"])),
    (
        "references",
        "dangling data set",
        lambda bom: model(bom)["modelCard"]["modelParameters"].update(datasets=[{"ref": "x"}]),
    ),
    ("references", "dangling composition", lambda bom: bom["compositions"][0].update(assemblies=["nobody"])),
    (
        "references",
        "dangling input",
        lambda bom: bom["formulation"][0]["workflows"][0].update(inputs=[{"resource": {"ref": "x"}}]),
    ),
    ("references", "dependency of nobody", lambda bom: bom["dependencies"].append({"ref": "nobody"})),
    (
        "references",
        "dependency twice",
        lambda bom: bom["dependencies"].append({"ref": "model", "dependsOn": ["system"]}),
    ),
    ("references", "bom-ref twice", lambda bom: package(bom, "numpy").update({"bom-ref": "model"})),
    ("references", "bom-ref like a link", lambda bom: model(bom)["modelCard"].update({"bom-ref": "urn:cdx:x"})),
    ("references", "link to itself", lambda bom: bom["dependencies"][0].update(dependsOn=[own_link(bom) + "#nobody"])),
    ("purl", "no purl", lambda bom: package(bom, "numpy").update(purl="numpy@1")),
    ("purl", "no name", lambda bom: package(bom, "numpy").update(purl="pkg:pypi/")),
    ("purl", "not canonical", lambda bom: package(bom, "numpy").update(purl="pkg:pypi/NumPy@2.4.6")),
    ("purl", "other version", lambda bom: package(bom, "numpy").update(purl="pkg:pypi/numpy@9.9")),
    ("licence", "bad expression", lambda bom: package(bom, "numpy").update(licenses=[{"expression": "MIT AND Mine"}])),
    (
        "hash",
        "length of another algorithm",
        lambda bom: model(bom)["components"][0]["hashes"][0].update(content="a" * 32),
    ),
    (
        "hash",
        "two hashes",
        lambda bom: model(bom)["components"][0]["hashes"].append({"alg": "SHA-256", "content": "a" * 64}),
    ),
    ("component", "control characters", lambda bom: package(bom, "numpy").update(name="numpy\x1b[2J")),
    ("component", "bidi override", lambda bom: package(bom, "numpy").update(version="1\u202e")),
    ("component", "model card elsewhere", lambda bom: package(bom, "numpy").update(modelCard={})),
    ("component", "data elsewhere", lambda bom: package(bom, "numpy").update(data=[{"type": "dataset"}])),
    ("model", "no model", lambda bom: bom["components"].pop(0)),
    ("model", "model not first", lambda bom: bom["components"].reverse()),
    ("model", "no timestamp", lambda bom: bom["metadata"].pop("timestamp")),
    ("model", "no serial", lambda bom: bom.pop("serialNumber")),
    ("files", "other tree", set_digest),
    ("files", "other name", rename_file),
    ("files", "file left out", lambda bom: model(bom)["components"].pop()),
    ("files", "file too many", lambda bom: model(bom)["components"].append({"type": "file", "name": "evil.pkl"})),
    ("files", "other hash", lambda bom: model(bom)["components"][0]["hashes"][0].update(content="a" * 64)),
    ("files", "no hash", lambda bom: model(bom)["components"][0].pop("hashes")),
    (
        "files",
        "file twice",
        lambda bom: model(bom)["components"].append({**model(bom)["components"][0], "bom-ref": "x"}),
    ),
    ("files", "only its SHA-512", lambda bom: model(bom)["components"][0]["hashes"].pop(0)),
]


def own_link(bom: Bom) -> str:
    return f"urn:cdx:{bom['serialNumber'].removeprefix('urn:uuid:')}/1"


@pytest.mark.parametrize(("check", "change"), [pytest.param(check, change, id=name) for check, name, change in CHANGES])
def test_each_change_is_found(
    bom: bytes, description: ModelDescription, check: str, change: Callable[[Bom], object]
) -> None:
    document = json.loads(bom)
    assert lint(bom, description.listing) == ()
    change(document)
    assert check in checks(document, description.listing)


def test_links_to_other_boms_are_fine(bom: bytes) -> None:
    document = json.loads(bom)
    document["dependencies"][0]["dependsOn"] = [
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#x",
        own_link(document) + "#model",
    ]
    assert checks(document) == set()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b"\xff", b'{"a": 1, "a": 2}', b"[" * 1000),
        b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": NaN}',
    ],
)
def test_what_is_no_json_object(data: bytes) -> None:
    assert [problem.check for problem in lint(data)] == ["format"]


def test_deep_nesting_ends() -> None:
    nested: Bom = {"type": "file", "name": "x"}
    for _ in range(28):
        nested = {"type": "file", "name": "x", "components": [nested]}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [nested]}
    assert "model" in checks(document) or "schema" in checks(document)


def test_long_lists_are_checked_to_the_end(bom: bytes) -> None:
    document = json.loads(bom)
    many = [{"type": "library", "name": f"n{number}", "bom-ref": f"r{number}"} for number in range(1000)]
    document["components"].extend(many)
    document["dependencies"].extend({"ref": f"r{number}"} for number in range(1000))
    assert checks(document) == set()
    broken = copy.deepcopy(document)
    broken["components"][-1]["type"] = "nonsense"
    found = lint(json.dumps(broken).encode())
    assert [problem.check for problem in found] == ["schema"]
    assert "$.components from 1000" in found[0].place
    broken = copy.deepcopy(document)
    broken["components"].append(dict(broken["components"][-1]))
    assert lint(json.dumps(broken).encode())[0].message == "holds one item twice"
    broken = copy.deepcopy(document)
    broken["components"][0]["components"] = [{"type": "file", "name": f"f{n}", "nonsense": 1} for n in range(300)]
    assert checks(broken) == {"schema"}


def test_number_of_problems_is_bounded(bom: bytes) -> None:
    document = json.loads(bom)
    document["components"].extend({"type": "library", "name": f"n{number}", "purl": "x"} for number in range(1000))
    assert len(lint(json.dumps(document).encode())) == 200


def test_problem_reads_as_one_line() -> None:
    assert str(Problem("purl", "$.components[1]", "no purl")) == "$.components[1]: no purl [purl]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=5,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found.extend(places(child, (*path, key)))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(choice=st.integers(0, 10**6), value=JSON)
def test_any_change_of_one_value_raises_nothing(
    bom: bytes, description: ModelDescription, choice: int, value: object
) -> None:
    document = json.loads(bom)
    paths = places(document)[1:]
    path = paths[choice % len(paths)]
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    for problem in lint(json.dumps(document).encode(), description.listing):
        assert str(problem).isprintable()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_any_flipped_byte_raises_nothing(bom: bytes, description: ModelDescription, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(bom) - 1))
    value = data.draw(st.integers(0, 255))
    for problem in lint(bom[:position] + bytes([value]) + bom[position + 1 :], description.listing):
        assert str(problem).isprintable()
