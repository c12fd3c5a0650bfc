"""What an owner reads beside a new version: how it differs from the one in production."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from attestflow.differences import Change, differences
from attestflow.digest import ContentDigest
from attestflow.lineage import Lineage, gather
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import new_verifier
from tests.attacks.conftest import Pipeline
from tests.attacks.test_rules_boms import bom


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)


def version(
    pipeline: Pipeline, weights: bytes, commit: str, accuracy: float, document: dict[str, Any]
) -> ContentDigest:
    (pipeline.folder / "model" / "weights").write_bytes(weights)
    code = ResourceDescriptor(name="code", uri="git+https://example.com/x", digest={"gitCommit": commit * 40})
    metrics = ResourceDescriptor(name="metrics", digest={"sha256": "0" * 64}, annotations={"accuracy": accuracy})
    parameters = {"parameters": {"depth": len(weights)}}
    pipeline.train([pipeline.data.descriptor(), code], byproducts=(metrics,), external_parameters=parameters)
    pipeline.bom(document=document)
    return pipeline.model.content


def lineage(pipeline: Pipeline, content: ContentDigest) -> Lineage:
    return gather(content, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))


def test_each_section(pipeline: Pipeline) -> None:
    pipeline.attest_data()
    old = version(pipeline, b"1", "a", 0.9, bom())
    was = pipeline.data.content
    (pipeline.folder / "data" / "train.csv").write_text("x,y\n5,5\n")
    newer = copy.deepcopy(bom(torch={"version": "2.7.0", "licenses": [{"license": {"id": "MIT"}}]}))
    newer["components"].append({"type": "library", "name": "extra", "version": "1"})
    new = version(pipeline, b"22", "b", 0.95, newer)
    found = differences(lineage(pipeline, new), lineage(pipeline, old)).sections
    assert found["data"] == (Change("data/", str(was), str(pipeline.data.content)),)
    assert found["code"] == (Change("git+https://example.com/x", "a" * 40, "b" * 40),)
    assert found["metrics"] == (Change("accuracy", "0.9", "0.95"),)
    assert found["parameters"] == (Change("depth", "1", "2"),)
    assert found["libraries"] == (Change("Torch", "2.6.0", "2.7.0"), Change("extra", None, "1"))
    assert found["licences"] == (Change("Torch", "MIT OR GPL-3.0-only", "MIT"),)
    assert [(change.name, change.word) for change in found["files"]] == [("weights", "changed")]


def test_the_same_model_differs_in_nothing(pipeline: Pipeline) -> None:
    old = lineage(pipeline, version(pipeline, b"1", "a", 0.9, bom()))
    found = differences(old, old)
    assert not found
    assert found.unknown == ()


def test_what_one_side_does_not_attest_is_said(pipeline: Pipeline) -> None:
    new = version(pipeline, b"1", "a", 0.9, bom())
    found = differences(lineage(pipeline, new), lineage(pipeline, ContentDigest("tree", "0" * 64)))
    assert set(found.unknown) == {"data", "code", "libraries", "metrics", "licences", "parameters", "files"}
    assert all(change.word == "added" for changes in found.sections.values() for change in changes)


def test_what_two_runs_say_differently_stands_joined(pipeline: Pipeline) -> None:
    old = version(pipeline, b"1", "a", 0.9, bom())
    new = version(pipeline, b"1", "b", 0.9, bom())
    assert old == new
    joined = differences(lineage(pipeline, new), lineage(pipeline, ContentDigest("tree", "0" * 64))).sections["code"]
    assert joined == (Change("git+https://example.com/x", None, f"{'a' * 40}, {'b' * 40}"),)
