"""Policies in the shape that Valint takes run unchanged, and their answers are read as strictly as any."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from attestflow.errors import ConfigurationError
from attestflow.predicates import ml_bom, sarif

from .conftest import BOM, Pipeline

POLICY = """package verify

import future.keywords.in
import data.scribe as scribe
import data.superset.policy as policy

default allow = false
default violations := []
default asset := {}

asset = scribe.get_asset_data(input.evidence)

verify = v {
  v := {
    "allow": allow,
    "violation": {"type": "Too many components", "details": violations},
    "asset": asset,
    "summary": [{"allow": allow, "reason": reason, "violations": count(violations)}],
  }
}

allow { count(violations) <= input.config.args.most }

reason = "few enough components" { allow }
reason = "too many components" { not allow }

violations = j { j := [{"name": c.name} | some c in input.evidence.predicate.bom.components] }
"""
RULE = """config-type: rule
id: few-components
name: Few components
path: few.rego
evidence:
  signed: false
  content_body_type: cyclonedx-json
with:
  most: 1
"""
INITIATIVE = """config-type: initiative
id: TEST
name: A test
defaults:
  evidence: {signed: false}
controls:
  - id: C1
    name: Small models
    rules:
      - {uses: sbom/few@v2, id: few, name: Few}
      - {uses: sbom/few@v2, id: none, name: None, level: warning, with: {most: 0}}
"""


def file(pipeline: Pipeline, name: str, text: str) -> dict[str, str]:
    pipeline.files_of_policy[name] = text.encode()
    return {"file": name, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def ask(pipeline: Pipeline, policy: str = POLICY, **more: Any) -> None:
    use = {"rule": "valint", "module": file(pipeline, "few.rego", policy), "by": ["pipeline"]}
    pipeline.ask(json.dumps({**use, "predicateType": ml_bom.PREDICATE_TYPE, "args": {"most": 1}, **more}))


def test_a_policy_for_valint(pipeline: Pipeline) -> None:
    ask(pipeline)
    pipeline.denied("valint", "there is no attestation")
    pipeline.run()
    pipeline.passes()
    pipeline.now += timedelta(seconds=1)
    pipeline.bom(document={**BOM, "components": [*BOM["components"], {"type": "library", "name": 'x"}'}]})
    pipeline.denied("valint", "too many components")
    ask(pipeline, args={"most": 2})
    pipeline.passes()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ('package verify\nverify = {"allow": "true"}', "does not allow"),
        ('package verify\nverify = {"allow": 1}', "does not allow"),
        (
            'package verify\nverify = {"allow": true, "errors": ["no date given"]}',
            "could not decide: ['no date given']",
        ),
        ('package verify\nverify = {"allow": true, "errors": "no date given"}', "could not decide"),
        ('package verify\nverify = {"allow": true, "summary": [{"allow": true, "errors": {"e"}}]}', "could not decide"),
        ('package verify\nverify = {"allow": true, "summary": [{"allow": false, "reason": "old"}]}', "old"),
        ('package verify\nverify = {"summary": [{"allow": true}]}', "does not allow"),
        ("package verify\nverify = true", "no object"),
        ("package verify\nverify { input.nothing }", "undefined"),
        ("package other\nallow = true", "undefined"),
        (
            'package verify\nverify = v { v := {"allow": http.send({"method": "get", "url": "http://127.0.0.1"}).body.ok} }',
            "no answer",
        ),
        ('package verify\nverify = {"allow": true} { input.config.args.most > 5 }', "undefined"),
    ],
)
def test_an_answer_that_is_no_clear_yes(pipeline: Pipeline, policy: str, words: str) -> None:
    pipeline.run()
    ask(pipeline, policy)
    pipeline.denied("valint", words)


def initiative(pipeline: Pipeline, text: str = INITIATIVE, rule: str = RULE) -> None:
    use = {
        "rule": "valint-initiative",
        "initiative": file(pipeline, "test.yaml", text),
        "rules": [file(pipeline, "rules/sbom/few.yaml", rule), file(pipeline, "rules/sbom/few.rego", POLICY)],
        "by": ["pipeline"],
    }
    pipeline.ask(json.dumps(use))


def test_an_initiative(pipeline: Pipeline) -> None:
    initiative(pipeline)
    pipeline.denied("valint-initiative", "C1/few: there is no")
    pipeline.run()
    findings = pipeline.passes().findings
    assert [(finding.outcome, finding.message.partition(":")[0]) for finding in findings] == [
        ("passed", "C1/few holds"),
        ("warned", "C1/none"),
    ]
    initiative(pipeline, INITIATIVE.replace(", level: warning", ""))
    pipeline.denied("valint-initiative", "C1/none: too many components")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sbom/few@v2", "sbom/gone@v2", "is not named in the policy"),
        ("config-type: initiative", "config-type: rule", "is no initiative"),
        ("with: {most: 0}", "with: {most: '{{ .Env.MOST }}'}", "surroundings"),
        ("controls:", "others:", "no list of maps"),
        ("level: warning", "level: warn", "the level of"),
        ("controls:", "controls:\n  - {id: C0, name: Empty, rules: []}", "without rules"),
    ],
)
def test_an_initiative_that_cannot_be_asked_as_a_whole(pipeline: Pipeline, old: str, new: str, words: str) -> None:
    initiative(pipeline, INITIATIVE.replace(old, new))
    with pytest.raises(ConfigurationError, match=words):
        pipeline.loaded()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("path: few.rego", "path: gone.rego", "is not named"),
        ("path: few.rego", "path: ../../../sbom/few.rego", "is not named"),
        ("cyclonedx-json", "mystery", "not known here"),
        ("cyclonedx-json", "cyclonedx-json\n  labels: [stage=release]", 'selects its evidence by "labels"'),
        ("cyclonedx-json", "cyclonedx-json\n  tool: syft", 'selects its evidence by "tool"'),
        ("signed: false", "asset_type: '{{ .Kind }}'", "by what is computed"),
    ],
)
def test_a_rule_of_an_initiative_that_is_none(pipeline: Pipeline, old: str, new: str, words: str) -> None:
    initiative(pipeline, rule=RULE.replace(old, new))
    with pytest.raises(ConfigurationError, match=words):
        pipeline.loaded()


def test_a_rule_that_two_files_could_be(pipeline: Pipeline) -> None:
    """The first of them would decide, and the order of a list is no reason."""
    initiative(pipeline)
    use = json.loads(pipeline.policy.splitlines()[-1].removeprefix("  - "))
    for name, text in (("other/sbom/few.yaml", RULE), ("other/sbom/few.rego", POLICY)):
        use["rules"].append(file(pipeline, name, text))
    pipeline.ask(json.dumps(use))
    with pytest.raises(ConfigurationError, match="is named 2 times"):
        pipeline.loaded()


def test_a_rule_beside_its_folder(pipeline: Pipeline) -> None:
    initiative(pipeline, rule=RULE.replace("path: few.rego", "path: ../sbom/few.rego"))
    pipeline.run()
    pipeline.passes()


SARIF_RULE = RULE.replace(
    "content_body_type: cyclonedx-json",
    "content_body_type: generic\n  predicate_type: http://docs.oasis-open.org/sarif/sarif/2.1.0\n  tool: Grim Scanner",
)
CLEAN = 'package verify\nverify = {"allow": count(input.evidence.predicate.content.runs[0].results) == 0}'


@pytest.mark.parametrize(
    ("drivers", "passes"),
    [
        ([{"name": "true"}], False),
        ([{"name": "true", "fullName": "Grim Scanner plus"}], False),
        ([{"name": "grim", "fullName": "Grim Scanner"}, {"name": "true"}], False),
        ([{"name": "grim", "fullName": "Grim Scanner"}], True),
        ([{"name": "grim scanner"}], True),
    ],
)
def test_a_report_of_another_tool(pipeline: Pipeline, drivers: list[dict[str, str]], passes: bool) -> None:
    """A rule that asks for one scanner's report is not content with that of a program that finds nothing."""
    pipeline.run()
    runs = [{"tool": {"driver": each}, "results": []} for each in drivers]
    said = sarif.Sarif({"version": "2.1.0", "runs": runs}, "report.sarif", None)
    pipeline.report(sarif.PREDICATE_TYPE, said.to_json())
    use = {
        "rule": "valint-initiative",
        "initiative": file(pipeline, "test.yaml", INITIATIVE),
        "rules": [file(pipeline, "rules/sbom/few.yaml", SARIF_RULE), file(pipeline, "rules/sbom/few.rego", CLEAN)],
        "by": ["scanner"],
    }
    pipeline.ask(json.dumps(use))
    if passes:
        pipeline.passes()
    else:
        pipeline.denied("valint-initiative", 'of "Grim Scanner" by scanner')
