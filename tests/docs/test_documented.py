"""What the documentation promises is there, and what is there is documented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click

from attestflow.cli import app
from attestflow.policy.registry import BUILT_IN, find_rule

ROOT = Path(__file__).parents[2]


def every_command(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= every_command(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found


def test_each_command_and_option_is_in_the_reference() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for name, command in every_command(app).items():
        assert f"`attestflow {name}" in text, name
        assert command.help, name
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert option in text, f"{name} {option}"


def test_contributing_shows_the_layers_that_are_enforced() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.search(r"```text\n(.*?)```", text, re.S)
    assert drawn
    assert drawn[1].split("\n")[:-1] == [layer.replace("attestflow.", "") for layer in layers]


def test_each_rule_has_a_page_that_names_its_parameters_and_its_attack() -> None:
    attacks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/attacks").glob("*.py"))
    for name in BUILT_IN:
        page = (ROOT / "docs/rules" / f"{name}.md").read_text(encoding="utf-8")
        rule = find_rule(name, "here")
        for parameter in rule.parameters:
            assert f"| `{parameter}` |" in page, name
        named = re.findall(r"`(test_\w+)`", page)
        assert named, name
        assert all(f"def {test}(" in attacks for test in named), named
        assert f"rules/{name}.md" in (ROOT / "docs/policies.md").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_readmes_dag_is_the_one_that_is_run() -> None:
    (block,) = re.findall(r"```python\n.*?```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert block in (ROOT / "docs/guides/airflow.md").read_text(encoding="utf-8")
    assert (ROOT / "tests/integration/airflow/test_guide.py").exists()
