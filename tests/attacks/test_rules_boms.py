"""Attacks on rules about ML-BOMs: licences, libraries, what is left out. Each passes without its attack."""

from __future__ import annotations

import copy
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy

from .conftest import Pipeline

PACKAGES = {"name": "attestflow:python-packages", "value": "complete"}


def bom(**changes: Any) -> dict[str, Any]:
    """A BOM of a model, a data set and two libraries, all under licences; `changes` replace parts by name."""
    parts: dict[str, dict[str, Any]] = {
        "model": {
            "type": "machine-learning-model",
            "name": "churn",
            "licenses": [{"license": {"id": "Apache-2.0"}}],
            "properties": [PACKAGES],
        },
        "data": {"type": "data", "name": "sales", "licenses": [{"expression": "CC-BY-4.0"}]},
        "numpy": {
            "type": "library",
            "name": "numpy",
            "version": "2.1.0",
            "purl": "pkg:pypi/numpy@2.1.0",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        },
        "torch": {
            "type": "library",
            "name": "Torch",
            "version": "2.6.0",
            "purl": "pkg:pypi/torch@2.6.0",
            "licenses": [{"expression": "MIT OR GPL-3.0-only"}],
        },
    }
    parts = copy.deepcopy(parts)
    for name, change in changes.items():
        parts[name] = {**parts.get(name, {"type": "library", "name": name}), **change}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(parts.values())}


LICENCES = "{rule: licences-allowed, by: [pipeline], allow: [Apache-2.0, MIT, BSD-3-Clause, CC-BY-4.0]}"


def signed(pipeline: Pipeline, document: dict[str, Any]) -> None:
    """The newest BOM from now on."""
    pipeline.now += timedelta(seconds=1)
    pipeline.bom(document=document)


def test_licences_allowed(pipeline: Pipeline) -> None:
    pipeline.ask(LICENCES)
    pipeline.run()
    signed(pipeline, bom())
    pipeline.passes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": {"licenses": [{"expression": "MIT AND GPL-3.0-only"}]}}, 'is under "MIT AND GPL-3.0-only"'),
        ({"torch": {"licenses": [{"license": {"id": "MIT"}}, {"license": {"id": "GPL-3.0-only"}}]}}, "GPL-3.0-only"),
        ({"torch": {"licenses": [{"expression": "Apache-2.0 WITH LLVM-exception"}]}}, "LLVM-exception"),
        ({"torch": {"licenses": [{"expression": "MIT OR"}]}}, "which is not allowed"),
        ({"torch": {"licenses": [{"license": {"name": "MIT, but pay me"}}]}}, "pay me"),
        ({"torch": {"licenses": []}}, '"Torch 2.6.0" states no licence'),
        ({"data": {"licenses": []}}, '"sales" states no licence'),
        ({"model": {"licenses": [{"license": {"id": "LicenseRef-own"}}]}}, "LicenseRef-own"),
        ({"model": {"properties": []}}, "does not say that it lists every library"),
        ({"model": {"properties": [{**PACKAGES, "value": "incomplete"}]}}, "does not say that it lists every library"),
    ],
)
def test_a_licence_that_is_not_allowed(pipeline: Pipeline, changes: dict[str, Any], words: str) -> None:
    """Copyleft behind an AND, a licence of its own under a known name, none at all, a library left out."""
    pipeline.ask(LICENCES)
    pipeline.run()
    signed(pipeline, bom(**changes))
    pipeline.denied("licences-allowed", words)


def test_a_library_in_a_library_is_looked_at(pipeline: Pipeline) -> None:
    pipeline.ask(LICENCES)
    pipeline.run()
    inner = {"type": "library", "name": "inner", "licenses": [{"license": {"id": "AGPL-3.0-only"}}]}
    signed(pipeline, bom(numpy={"components": [inner]}))
    pipeline.denied("licences-allowed", "AGPL-3.0-only")


def test_parts_that_may_have_no_licence(pipeline: Pipeline) -> None:
    pipeline.ask(LICENCES.replace("}", ", of: [libraries], unlicensed: ['acme-*']}"))
    pipeline.run()
    signed(pipeline, bom(**{"acme-tools": {}}, data={"licenses": []}))
    pipeline.passes()
    signed(pipeline, bom(**{"other-tools": {}}))
    pipeline.denied("licences-allowed", "other-tools")


def test_the_bom_of_another_model_describes_nothing_here(pipeline: Pipeline) -> None:
    """A clean BOM that says that it describes other bytes, signed by who may, about this model."""
    pipeline.ask(LICENCES)
    pipeline.run()
    other = {"name": "attestflow:digest", "value": "tree:sha256:" + "0" * 64}
    for path in pipeline.filed_as("ml-bom"):
        path.unlink()
    signed(pipeline, bom(model={"properties": [PACKAGES, other]}))
    pipeline.denied("licences-allowed", "there is no ML-BOM by pipeline")


def test_a_vex_beside_a_bom_is_no_second_bom(pipeline: Pipeline) -> None:
    pipeline.ask("{rule: ml-bom, by: [pipeline]}")
    vex = {"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [{"id": "CVE-1"}]}
    pipeline.attest_data()
    pipeline.train()
    pipeline.bom(document=vex)
    pipeline.denied("ml-bom", "no ML-BOM signed by pipeline")
    signed(pipeline, bom())
    pipeline.passes()


COMPONENTS = "{rule: components, by: [pipeline], banned: ['torch<2.6', 'pkg:pypi/evil*'], required: ['numpy>=2']}"


def test_components(pipeline: Pipeline) -> None:
    pipeline.ask(COMPONENTS)
    pipeline.run()
    signed(pipeline, bom())
    pipeline.passes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": {"version": "2.5.1"}}, '"Torch 2.5.1" is banned'),
        ({"torch": {"version": "2.6.0rc1"}}, "is banned"),
        ({"torch": {"version": "nightly"}}, "is banned"),
        ({"torch": {"version": None}}, "is banned"),
        ({"x": {"name": "x", "purl": "pkg:PyPI/Evil-Twin@1"}}, "is banned"),
        ({"numpy": {"version": "1.26.4"}}, '"numpy>=2" is not there'),
        ({"numpy": {"type": "file"}}, "is not there"),
        ({"model": {"properties": []}}, "does not say that it lists every library"),
    ],
)
def test_a_banned_library(pipeline: Pipeline, changes: dict[str, Any], words: str) -> None:
    """Under another spelling, as a release candidate, with a version that cannot be compared, left out of the list."""
    pipeline.ask(COMPONENTS)
    pipeline.run()
    signed(pipeline, bom(**changes))
    pipeline.denied("components", words)


LOCK = b"# our lock\nnumpy==2.1.0 \\\n    --hash=sha256:00\ntorch==2.6\n"


def locked(pipeline: Pipeline, lock: bytes = LOCK) -> None:
    digest = hashlib.sha256(lock).hexdigest()
    pipeline.files_of_policy["requirements.txt"] = lock
    pipeline.ask(f"{{rule: libraries-locked, by: [pipeline], lock: {{file: requirements.txt, sha256: '{digest}'}}}}")


def test_libraries_locked(pipeline: Pipeline) -> None:
    locked(pipeline)
    pipeline.run()
    signed(pipeline, bom())
    pipeline.passes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": {"version": "2.6.1"}}, '"Torch 2.6.1" is locked at "2.6"'),
        ({"torch": {"version": None}}, "is locked at"),
        ({"nunpy": {"name": "nunpy", "version": "2.1.0"}}, '"nunpy 2.1.0" is not in the lock file'),
        ({"model": {"properties": []}}, "does not say that it lists every library"),
    ],
)
def test_a_library_that_is_not_locked(pipeline: Pipeline, changes: dict[str, Any], words: str) -> None:
    """A typo-squatted package, another version, one that the list leaves out."""
    locked(pipeline)
    pipeline.run()
    signed(pipeline, bom(**changes))
    pipeline.denied("libraries-locked", words)


def test_a_lock_file_that_was_changed_is_not_the_policys(pipeline: Pipeline) -> None:
    locked(pipeline)
    pipeline.files_of_policy["requirements.txt"] = LOCK + b"nunpy==2.1.0\n"
    with pytest.raises(ConfigurationError, match="the policy says"):
        pipeline.loaded()


@pytest.mark.parametrize(
    "line", [b"", b"numpy>=2\n", b"numpy==2.*\n", b"numpy\n", b"numpy==1,!=2\n", b"\xff", b"-e .\n"]
)
def test_a_lock_file_that_pins_nothing(pipeline: Pipeline, line: bytes) -> None:
    locked(pipeline, line)
    with pytest.raises(ConfigurationError, match="lock"):
        pipeline.loaded()


def test_bom_complete(pipeline: Pipeline) -> None:
    """Elements are left out, or there as empty lists."""
    pipeline.ask("{rule: bom-complete, by: [pipeline], require: [licence, datasets, libraries], minScore: 20}")
    pipeline.run()
    full = bom(data={"hashes": [{"alg": "SHA-256", "content": "0" * 64}]})
    signed(pipeline, full)
    pipeline.passes()
    signed(pipeline, {**full, "components": [{**full["components"][0], "licenses": []}, *full["components"][1:]]})
    pipeline.denied("bom-complete", "lacks the model's licence")
    signed(pipeline, {**full, "components": full["components"][:1]})
    pipeline.denied("bom-complete", "lacks the data sets")


def test_bom_score(pipeline: Pipeline) -> None:
    pipeline.ask("{rule: bom-complete, by: [pipeline], minScore: 90}")
    pipeline.run()
    signed(pipeline, bom())
    pipeline.denied("bom-complete", "of 100, less than 90: it lacks timestamp")


@pytest.mark.parametrize(
    "rule",
    [
        "{rule: licences-allowed, by: [pipeline], allow: [MIT], of: [everything]}",
        "{rule: components, by: [pipeline]}",
        "{rule: components, by: [pipeline], banned: ['not a requirement !']}",
        "{rule: components, by: [pipeline], banned: ['torch; python_version > \"3\"']}",
        "{rule: bom-complete, by: [pipeline]}",
        "{rule: bom-complete, by: [pipeline], require: [charm]}",
        "{rule: bom-complete, by: [pipeline], minScore: 101}",
    ],
)
def test_rules_that_would_ask_for_nothing(pipeline: Pipeline, rule: str) -> None:
    pipeline.ask(rule)
    with pytest.raises(ConfigurationError):
        load_policy(pipeline.policy.encode())
