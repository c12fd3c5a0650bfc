"""What rules about reports share: find the newest report on each subject, and judge it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.about import NOUNS, selected, title
from attestflow.policy.rules.latest import latest
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding
from attestflow.verification.verifier import VerifiedStatement

PROBLEMS_SHOWN = 5


class ReportRule(ABC):
    """A rule about the newest report by `by` on each content that `about` selects.

    A subclass says which attestations are such reports (`predicate_type`, `counts`) and what is wrong with one
    (`problems`). `report` names it for people.
    """

    id: str
    severity: Literal["high", "medium"] = "high"
    description: str
    remediation: str
    parameters: Mapping[str, Parameter]
    report: str
    predicate_type: str

    def named(self, parameters: Mapping[str, Any]) -> str:
        """What the report is called in findings."""
        return self.report

    def wanted(self, parameters: Mapping[str, Any]) -> str:
        """The predicate type of such reports."""
        return self.predicate_type

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        """Whether an attestation of that type by one of `by` is such a report; what is not counts as absent."""
        return True

    @abstractmethod
    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        """What is wrong, each as half a sentence; nothing where all is well. MalformedStatement denies too."""

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each content; none selected is a denial."""
        about = parameters.get("about", "model")
        nodes = selected(lineage, about)
        if not nodes:
            message = f"the lineage holds no {NOUNS[about]}"
            yield Finding(self.id, "denied", message, "declare the inputs of the training task", str(lineage.subject))
        for node in nodes:
            yield self._one(node, lineage, context, parameters)

    def _one(self, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Finding:
        by, subject, report = parameters["by"], str(node.content), self.named(parameters)
        signed = [item for item in node.of_type(self.wanted(parameters)) if item.functionary in by]
        found = [item for item in signed if self.counts(item, node, parameters)]
        if not found:
            message = f"there is no {report} by {' or '.join(by)} about {title(node)}"
            return Finding(self.id, "denied", message, self.remediation, subject)
        newest = latest(
            found, node.content, context, parameters.get("maxAge"), f"the last {report}, about {title(node)},"
        )
        if isinstance(newest, str):
            evidence = tuple(item.identity for item in found)
            return Finding(self.id, "denied", newest, "make it again", subject, evidence)
        problems = [
            problem for item in newest.items for problem in self.problems(item, node, lineage, context, parameters)
        ]
        if problems:
            rest = f"; and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
            message = f"{title(node)}: {'; '.join(problems[:PROBLEMS_SHOWN])}{rest}"
            return Finding(self.id, "denied", message, self.remediation, subject, newest.evidence)
        message = f"the {report} by {newest.by} about {title(node)} is good"
        return Finding(self.id, "passed", message, None, subject, newest.evidence)
