"""Each rendering says what the verdict says, is valid, and shows hostile names as the text that they are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from attestflow.differences import Change, Differences
from attestflow.rendering.html import html
from attestflow.rendering.markdown import markdown
from attestflow.rendering.mermaid import mermaid
from attestflow.rendering.sarif import sarif
from attestflow.verdict import Verdict

from .story import HOSTILE, denied, excepted, hostile, lineage, passed

SCHEMA = Path(__file__).parents[2] / "assets" / "sarif" / "sarif-schema-2.1.0.json"
CHANGED = Differences(
    {
        "data": (Change("sales", "a", "b"), Change("new", None, "c")),
        "code": (),
        "files": (Change(HOSTILE, HOSTILE, None),),
    },
    ("code",),
)


@cache
def validator() -> Draft4Validator:
    return Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def results(verdict: Verdict) -> list[dict[str, Any]]:
    document = json.loads(json.dumps(sarif([verdict])))
    validator().validate(document)
    (run,) = document["runs"]
    found: list[dict[str, Any]] = run["results"]
    for result in found:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    return found


def test_sarif_says_what_the_verdict_says(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    found = {result["ruleId"]: result for result in results(verdict)}
    assert {name for name, result in found.items() if result["level"] == "error"} == {
        finding.rule for finding in verdict.denials
    }
    assert found["ml-bom"]["kind"] == "pass"
    assert found["ml-bom"]["level"] == "none"
    assert "suppressions" not in found["approved"]
    assert (
        found["approved"]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "policies/production.yaml"
    )


def test_a_medium_rule_is_a_warning_and_a_waived_denial_is_suppressed(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    medium = replace(verdict, findings=(replace(verdict.findings[0], rule="ml-bom", outcome="denied"),))
    assert results(medium)[0]["level"] == "warning"
    for result in results(excepted(verdict)):
        if result["kind"] == "fail":
            assert "incident 1207" in result["suppressions"][0]["justification"]


def test_fingerprints_hold_over_runs_and_tell_promotions_apart(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    later = replace(verdict, findings=tuple(replace(each, message="in other words") for each in verdict.findings))
    prints = [[result["partialFingerprints"] for result in results(each)] for each in (verdict, later)]
    assert prints[0] == prints[1]
    assert verdict.transition
    other = replace(verdict, transition=replace(verdict.transition, to="alias:staging"))
    assert results(other)[0]["partialFingerprints"] != prints[0][0]


def test_findings_of_the_gate_itself_have_no_page(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    for rule in ("gate", "evidence", "break-glass", "watch"):
        (result,) = results(replace(verdict, findings=(replace(verdict.denials[0], rule=rule),)))
        assert result["level"] == "error"
        assert html(replace(verdict, findings=(replace(verdict.denials[0], rule=rule),)))


def test_markdown_says_the_verdict_first(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    text = markdown(verdict, CHANGED)
    assert text.splitlines()[0].startswith("## ❌ Denied: ")
    for finding in verdict.findings:
        assert finding.rule.replace("-", "&#45;") in text
    assert text.index("What denies it") < text.index("What passed")
    assert "What differs from what is in production" in text
    assert markdown(excepted(verdict)).startswith("## ⚠️ Passed by exception")
    assert markdown(passed(tmp_path / "other" if not (tmp_path / "other").mkdir() else tmp_path)[0]).startswith(
        "## ✅ Passed"
    )
    assert markdown(replace(verdict, enforced=False)).startswith("## ❌ Would be denied")


def test_hostile_names_do_nothing_in_markdown(tmp_path: Path) -> None:
    verdict, _ = denied(tmp_path)
    text = markdown(hostile(verdict), CHANGED)
    for row in text.splitlines():
        own = re.sub(r"&#\d+;", "", row)
        assert not re.search(r"</?(?!details|summary)[a-zA-Z]", own), row
        assert not re.search(r"\]\(|https?:|@everyone|javascript:|`", own), row
        assert not set("\u202e\x1b\x00") & set(row)
    tables = [row for row in text.splitlines() if row.startswith("|")]
    assert {row.count("|") for row in tables} <= {5, 3}


class Elements(HTMLParser):
    """What a parser makes of a page: each tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_says_what_the_verdict_says(tmp_path: Path) -> None:
    verdict, made = denied(tmp_path)
    page = Elements(html(verdict, made, CHANGED))
    assert "denied" in page.text
    for finding in verdict.findings:
        assert finding.rule in page.text
        assert finding.message in page.text
    for denial in verdict.denials:
        assert denial.hint is not None
        assert denial.hint.replace("`", "") in page.text
    assert "NOT ATTESTED" in page.text
    assert "sales" in page.text


def test_a_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    verdict, made = denied(tmp_path)
    for each in (verdict, hostile(verdict)):
        text = html(each, made, CHANGED)
        page = Elements(text)
        assert not {"script", "img", "link", "iframe", "object", "a", "form", "svg"} & set(page.tags)
        assert not {name for name in page.attributes if name.startswith("on")} | ({"src", "href"} & page.attributes)
        assert "default-src 'none'" in text
        assert not set("\u202e\x1b\x00") & set(text)
    assert "<script>alert(1)</script>" in page.text  # as text
    assert "{{ 7*7 }}" in page.text


def test_a_lineage_of_a_thousand_is_cut_and_says_so(tmp_path: Path) -> None:
    from attestflow.subject import ResourceDescriptor
    from tests.attacks.conftest import Pipeline

    pipeline = Pipeline(tmp_path)
    many = [ResourceDescriptor(name=f"part-{number}", digest={"sha256": f"{number:064x}"}) for number in range(1000)]
    pipeline.train(many)
    made = lineage(pipeline)
    page = html(pipeline.verdict(), made)
    assert page.count('class="node') == 300
    assert "701 more are not drawn" in page
    assert mermaid(made, "m").count("n499") >= 1
    assert "501 more" in re.sub(r"#\d+;", "", mermaid(made, "m"))


def test_mermaid_draws_the_lineage(tmp_path: Path) -> None:
    _, made = passed(tmp_path)
    drawn = mermaid(made, "churn")
    assert drawn.startswith("flowchart BT\n")
    assert "n1 --> n0" in drawn
    assert '"churn<br/>model<br/>' in drawn


def test_hostile_names_are_no_mermaid(tmp_path: Path) -> None:
    _, made = passed(tmp_path)
    for row in mermaid(made, HOSTILE).splitlines()[1:]:
        inside = re.search(r'\["(.*)"\]', row)
        if inside:
            assert re.fullmatch(r"(?:[^\W_]|[ …]|#\d+;|<br/>)*", inside[1]), row


@pytest.mark.parametrize("word", ["passed", "denied", "passed by exception", "would be denied"])
def test_the_headline(tmp_path: Path, word: str) -> None:
    made = denied(tmp_path)[0] if "denied" in word or "exception" in word else passed(tmp_path)[0]
    verdict = {"passed by exception": excepted(made), "would be denied": replace(made, enforced=False)}.get(word, made)
    assert f"</span> {word}</div>" in html(verdict)
