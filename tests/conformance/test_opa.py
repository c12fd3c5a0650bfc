"""The same decisions by regorus in its child and by OPA, on the cases of tests/assets/rego; OPA by `make interop`."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestflow.gate import Gate
from attestflow.policy.rego import opa as module
from attestflow.policy.rego.process import RegoFailed
from attestflow.predicates.http_snapshot import PREDICATE_TYPE, HttpSnapshot
from attestflow.testing.trust import new_verifier

from ..attacks.conftest import Pipeline  # noqa: TID252 - tests have no name

CASES = yaml.safe_load((Path(__file__).parents[1] / "assets" / "rego" / "cases.yaml").read_text(encoding="utf-8"))
SAID = "https://example.com/said/v1"
HEAD = {
    "v1": f"""package attestflow
import rego.v1
said := [each.predicate.said | some each in input.lineage.nodes[input.subject].attestations
  each.predicateType == "{SAID}"][0]
""",
    "v0": "package attestflow\n",
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)


def decide(pipeline: Pipeline, case: dict[str, Any], binary: Path | None) -> tuple[bool, str]:
    version = case.get("version", "v1")
    source = (HEAD[version] + case["source"] + "\n").encode()
    pipeline.files_of_policy["case.rego"] = source
    use = {
        "rule": "rego",
        "modules": [{"file": "case.rego", "sha256": hashlib.sha256(source).hexdigest()}],
        "timeout": 5,
    }
    use |= {key: case[key] for key in ("query", "expect", "version") if key in case}
    if case.get("snapshot"):
        use |= {"snapshotsBy": ["fetcher"], "snapshotMaxAge": "1h"}
    pipeline.ask(json.dumps(use))
    verifier = new_verifier(pipeline.people, now=pipeline.now)
    gate = replace(Gate(pipeline.store, verifier, pipeline.loaded(), lambda: pipeline.now), opa=binary)
    verdict = gate.check(pipeline.model.content, name="churn", transition=pipeline.transition)
    return verdict.passed, "; ".join(finding.message for finding in verdict.findings)


def prepared(pipeline: Pipeline, case: dict[str, Any]) -> None:
    pipeline.run()
    if "said" in case:
        pipeline.report(SAID, {"said": case["said"]})
    if case.get("snapshot"):
        said = HttpSnapshot("GET", "http://a.example/", 200, {}, {"ok": True}, '{"ok": true}')
        pipeline.report(PREDICATE_TYPE, said.to_json(), who="fetcher")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_our_engine(pipeline: Pipeline, case: dict[str, Any]) -> None:
    prepared(pipeline, case)
    passed, words = decide(pipeline, case, None)
    assert passed is case["passes"], words


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_opa(opa: Path, pipeline: Pipeline, case: dict[str, Any]) -> None:
    prepared(pipeline, case)
    passed, words = decide(pipeline, case, opa)
    assert passed is case["passes"], words


def test_opa_is_confined(opa: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even were its builtins there, it would find no surroundings, and read no file but ours."""
    monkeypatch.setattr(module, "REMOVED", frozenset())
    module._capabilities.cache_clear()
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    pipeline.run()
    source = 'deny := {k | some k, _ in opa.runtime().env; not k in {"GOMAXPROCS", "GOMEMLIMIT", "HOME"}}'
    passed, words = decide(pipeline, {"source": source}, opa)
    module._capabilities.cache_clear()
    assert passed, words
    assert "SECRET" not in words


def test_a_binary_that_is_no_opa(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run()
    fake = tmp_path / "opa"
    fake.write_text('#!/bin/sh\necho \'{"result": [{"expressions": [{"value": []}]}]}\'\n')
    fake.chmod(0o755)
    passed, words = decide(pipeline, CASES[0], fake)
    assert not passed
    assert "is it OPA" in words


def test_a_binary_that_is_not_there(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run()
    passed, words = decide(pipeline, CASES[0], tmp_path / "opa")
    assert not passed
    assert "is it OPA" in words


def test_what_it_says_is_read_no_further_than_the_bound(tmp_path: Path) -> None:
    """A policy that answers gigabytes fills its own memory, never the gate's."""
    yes = shutil.which("yes")
    assert yes is not None
    with pytest.raises(RegoFailed, match="longer than 1000 bytes"):
        module._run(Path(yes).resolve(), str(tmp_path), [], 30, 1000)


def test_silence_ends_in_time(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    with pytest.raises(RegoFailed, match="longer than it may"):
        module._run(Path(sleep).resolve(), str(tmp_path), ["30"], 1, 1000)
