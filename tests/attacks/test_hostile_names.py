"""Names of data, files, models and people made to fool readers and programs: a denial stays one, and shows them as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from rich.text import Text

from attestflow.cli.output import clean
from attestflow.differences import differences
from attestflow.lineage import gather
from attestflow.rendering.html import html
from attestflow.rendering.markdown import markdown
from attestflow.rendering.mermaid import mermaid
from attestflow.rendering.sarif import sarif
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import new_verifier

from .conftest import Pipeline

NAMES = {
    "terminal codes": "model\x1b[2J\x1b[1;1H\x1b[32mPASSED\x1b[0m",
    "bidi": "model\u202e\u2066gpj.exe\u2069",
    "HTML": '"><script>fetch("//evil")</script><img src=x onerror=alert(1)>',
    "quotes and NUL": 'a"}],"result":"passed","x":["\x00',
    "lines": "model\nPASSED  model\n  ok    approved: yes\r\n",
    "Markdown": "](javascript:alert(1)) **PASSED** | ok | `x` @everyone https://evil.example",
    "look-alike": "ｃhurn\u200b",
    "long": "x" * 100_000,
}
HIDING = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_changes_no_verdict_and_no_reader(pipeline: Pipeline, name: str) -> None:
    """An input with that name, which nobody attested, in a promotion of a model with that name."""
    text = NAMES[name]
    pipeline.run()
    pipeline.passes()
    assert pipeline.transition
    pipeline.transition = replace(pipeline.transition, model=text)
    hidden = ResourceDescriptor(name=text[:5000], digest={"sha256": "d" * 64})
    pipeline.train([pipeline.data.descriptor(), hidden])
    verdict = replace(pipeline.verdict(), subject_name=text, policy_name=text[:100], actor=text)
    assert not verdict.passed
    assert {"inputs-attested", "approved"} <= {finding.rule for finding in verdict.denials}
    lineage = gather(pipeline.model.content, pipeline.store, new_verifier(pipeline.people, now=pipeline.now))
    page = html(verdict, lineage, differences(lineage, lineage))
    for shown in (page, markdown(verdict), mermaid(lineage, text), json.dumps(sarif([verdict])), clean(text)):
        assert not HIDING.search(shown), name
    assert "<script" not in page
    assert "<img" not in page
    assert markdown(verdict).startswith("## ❌ Denied")
    assert Text(clean(text)).plain == clean(text)


def test_a_functionary_with_a_name_that_readers_take_for_another(pipeline: Pipeline) -> None:
    """The trust root refuses it: whose word counts is said by name."""
    from attestflow.errors import ConfigurationError

    for name in ("Owner", "owner\u200b", "öwner", "owner\n", "a" * 101):
        people = {**pipeline.people, name: pipeline.people["boss"]}
        del people["boss"]
        with pytest.raises(ConfigurationError):
            new_verifier(people)
