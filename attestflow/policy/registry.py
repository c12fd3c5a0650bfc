"""Which rules there are: ours from a table, those of others from the entry-point group `attestflow.rules`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.policy.schema import Rule

ENTRY_POINTS = "attestflow.rules"
BUILT_IN = (
    "access-declared",
    "approved",
    "bom-complete",
    "checklist",
    "code-commit",
    "components",
    "content-attested",
    "data-validated",
    "fairness",
    "fresh",
    "inputs-attested",
    "libraries-locked",
    "licences-allowed",
    "metrics",
    "ml-bom",
    "model-scan",
    "observed",
    "registered-unchanged",
    "rego",
    "required-attestation",
    "resource-use",
    "sarif-level",
    "serialization-formats",
    "sources-allowed",
    "tests-passed",
    "trained-by",
    "valint",
    "valint-initiative",
    "vulnerabilities",
    "whole-subjects",
)


def find_rule(name: str, where: str) -> Rule:
    """The rule of that id. ConfigurationError where there is none, or where one of others does not load."""
    if name in BUILT_IN:
        rule: Rule = import_module(f"attestflow.policy.rules.{name.replace('-', '_')}").rule
        return rule
    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            loaded: Rule = point.load()
        except Exception as exc:  # somebody else's code: whatever it raises, the policy does not load
            raise ConfigurationError(f"{where}: the rule {shown(name)} does not load: {exc}") from exc
        return loaded
    others = sorted({point.name for point in entry_points(group=ENTRY_POINTS)})
    raise ConfigurationError(
        f"{where}: there is no rule {shown(name)}", hint=f"there are {', '.join([*BUILT_IN, *others])}"
    )


def every_rule() -> tuple[Rule, ...]:
    """The rules that load, ours first."""
    others = sorted({point.name for point in entry_points(group=ENTRY_POINTS)} - set(BUILT_IN))
    return tuple(find_rule(name, "rules") for name in (*BUILT_IN, *others))


def page(name: str) -> str:
    """The documentation (Markdown) of a rule: its page, or for a rule of others what it says of itself."""
    rule = find_rule(name, "page")
    if name in BUILT_IN:
        return files("attestflow.policy").joinpath("pages", f"{name}.md").read_text(encoding="utf-8")
    rows = [
        f"| `{key}` | {'required' if each.required else 'optional'} | {each.description} |"
        for key, each in rule.parameters.items()
    ]
    table = ["| parameter | | meaning |", "| --- | --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"# {name}", "", rule.description, "", *table, f"How to mend it: {rule.remediation}", ""])
