"""What every rule must do, as tests: subclass `RuleContract`, give it a rule and good parameters, and run it with pytest.

::

    class TestMyRule(RuleContract):
        name = "my-rule"                      # its id, found through the entry-point group `attestflow.rules`
        parameters = {"by": ["pipeline"]}     # as a policy's YAML would give them
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from attestflow.digest import ContentDigest
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.policy.engine import evaluate
from attestflow.policy.loader import API_VERSION, load_policy
from attestflow.policy.registry import find_rule
from attestflow.policy.schema import Context, Policy
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier
from attestflow.verdict import Finding

SUBJECT = ContentDigest("tree", "a" * 64)
FUNCTIONARY = "pipeline"


class RuleContract:
    """The contract suite. `files` are those that the parameters name; `silent_over_nothing` is for a rule that only objects."""

    name: ClassVar[str]
    parameters: ClassVar[Mapping[str, Any]]
    files: ClassVar[Mapping[str, bytes]] = {}
    silent_over_nothing: ClassVar[bool] = False

    def policy(self, **changes: Any) -> Policy:
        """A policy of this rule alone."""
        use = {"rule": self.name, **self.parameters, **changes}
        document = {
            "apiVersion": API_VERSION,
            "name": "contract",
            "version": 1,
            "expires": "2099-01-01T00:00:00Z",
            "mode": "enforce",
            "absence": "accepted",
            "rules": [{key: value for key, value in use.items() if value is not None}],
        }
        return load_policy(json.dumps(document).encode(), lambda name, sha256: self.files[name])

    def findings(self, lineage: Lineage) -> tuple[Finding, ...]:
        """What the rule finds, as a gate asks it."""
        person = Person([new_signer()], ["https://example.com/nothing/v1"])
        root = new_verifier({name: person if name == FUNCTIONARY else _other() for name in self._people()}).trust_root
        return evaluate(self.policy(), lineage, Context(NOW, None, None, "b" * 64, root, "contract"))

    def _people(self) -> set[str]:
        rule = find_rule(self.name, "contract")
        named = {
            name
            for key, parameter in rule.parameters.items()
            if parameter.kind == "functionaries"
            for name in self.parameters.get(key) or ()
        }
        return named | {FUNCTIONARY}

    def test_it_says_what_it_is(self) -> None:
        rule = find_rule(self.name, "contract")
        assert rule.id == self.name
        assert rule.severity in ("high", "medium")
        for text in (rule.description, rule.remediation, *(each.description for each in rule.parameters.values())):
            assert text.strip()

    def test_over_nothing_it_denies(self) -> None:
        """A lineage without any evidence: nothing that is asked for is there."""
        found = self.findings(Lineage(SUBJECT, {SUBJECT: Node(SUBJECT, (), 0)}, {SUBJECT: ()}))
        assert found
        assert {finding.outcome for finding in found} == ({"passed"} if self.silent_over_nothing else {"denied"})
        assert all(finding.rule == self.name for finding in found)
        assert self.silent_over_nothing or all(finding.hint for finding in found)

    def test_the_same_question_has_the_same_answer(self) -> None:
        lineage = Lineage(SUBJECT, {SUBJECT: Node(SUBJECT, (), 0)}, {SUBJECT: ()})
        strip = [replace(finding, evidence=()) for finding in self.findings(lineage)]
        assert strip == [replace(finding, evidence=()) for finding in self.findings(lineage)]

    def test_what_is_required_is_required(self) -> None:
        for key, parameter in find_rule(self.name, "contract").parameters.items():
            if parameter.required:
                with pytest.raises(ConfigurationError, match=key):
                    self.policy(**{key: None})

    def test_unknown_parameters_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="unknown parameter"):
            self.policy(surprise=1)

    def test_it_does_no_work_when_it_is_loaded(self) -> None:
        """A rule is one object without state: `check` and what policies set it up with."""
        rule = find_rule(self.name, "contract")
        assert not vars(rule), vars(rule)
        assert callable(rule.check)
        assert list(inspect.signature(rule.check).parameters) == ["lineage", "context", "parameters"]


def _other() -> Person:
    return Person([new_signer()], ["https://example.com/nothing/v1"])
