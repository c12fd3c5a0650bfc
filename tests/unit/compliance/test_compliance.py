"""The tables name things that there are, and reports say what was checked and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from attestflow.compliance.coverage import coverage
from attestflow.compliance.framework import FRAMEWORKS, Framework, Row, atlas_names, framework
from attestflow.errors import ConfigurationError
from attestflow.lineage import gather
from attestflow.mlbom.completeness import ELEMENTS
from attestflow.policy.registry import BUILT_IN
from attestflow.testing.trust import new_verifier
from attestflow.verdict import Finding
from tests.attacks.conftest import Pipeline
from tests.attacks.test_rules_boms import bom

ROOT = Path(__file__).parents[3]
# The rows that issue 5 puts into our scope.
IN_SCOPE = {
    *("AML.T0019", "AML.T0020", "AML.T0010", "AML.T0015", "AML.T0050", "AML.T0018", "AML.T0048"),
    *("AML.M0005", "AML.M0007", "AML.M0011", "AML.M0013", "AML.M0014", "AML.M0016"),
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_rows_name_rules_and_elements_that_there_are(name: str) -> None:
    rows = framework(name).rows
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert set(row.rules) <= set(BUILT_IN), row.id
        assert set(row.elements) <= ELEMENTS.keys(), row.id
        assert row.rules or row.elements or row.note, row.id


def test_atlas_rows_are_those_of_the_pinned_copy_and_stand_in_the_docs() -> None:
    names, atlas = atlas_names(), framework("atlas")
    assert {row.id for row in atlas.rows} >= IN_SCOPE
    page = (ROOT / "docs/atlas.md").read_text(encoding="utf-8")
    assert f"version {atlas.version}" in page
    tests = {
        name: path.relative_to(ROOT)
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M)
    }
    for row in atlas.rows:
        assert row.title == names[row.id]
        (line,) = (line for line in page.splitlines() if line.startswith(f"| {row.id} |"))
        for attack in row.attacks:
            assert f"[{attack}](../{tests[attack]})" in line
        assert bool(row.attacks) or "not yet" in line
        for rule in row.rules:
            assert f"(rules/{rule}.md)" in line


def test_a_framework_that_there_is_not() -> None:
    with pytest.raises(ConfigurationError, match="iso-9001"):
        framework("iso-9001")


def test_states(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.run()
    verdict = pipeline.verdict()
    lineage = gather(pipeline.model.content, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))
    rows = {
        "shown": Row("1", "", ("trained-by",), ("name",), ""),
        "partly": Row("2", "", ("trained-by",), ("licence",), ""),
        "not shown": Row("3", "", ("approved",), ("licence",), ""),
        "not asked": Row("4", "", ("fresh",), (), ""),
        "outside": Row("5", "", (), (), "yours"),
    }
    denied = tuple(replace(each, outcome="denied") if each.rule == "approved" else each for each in verdict.findings)
    made = coverage(Framework("x", "", "", "", tuple(rows.values())), replace(verdict, findings=denied), lineage)
    assert [each.state for each in made] == list(rows)
    assert made[0].evidence
    assert made[3].to_json()["notInPolicy"] == ["fresh"]


def test_elements_alone_do_not_show_a_row_whose_rules_nobody_asked(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    pipeline.run()
    pipeline.bom(document=bom())
    lineage = gather(pipeline.model.content, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))
    row = Row("1", "", ("licences-allowed",), ("licence",), "")
    (made,) = coverage(Framework("x", "", "", "", (row,)), pipeline.verdict(), lineage)
    assert made.elements == {"licence": True}
    assert made.state == "partly"
    worst = (Finding("ml-bom", "passed", "a"), Finding("ml-bom", "excepted", "b"))
    both = Row("2", "", ("ml-bom",), (), "")
    verdict = replace(pipeline.verdict(), findings=worst)
    (made,) = coverage(Framework("x", "", "", "", (both,)), verdict, lineage)
    assert (made.rules, made.state) == ({"ml-bom": "excepted"}, "not shown")
