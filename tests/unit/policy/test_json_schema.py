"""The published schema: current, and never stricter than the loader."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from attestflow.policy.json_schema import policy_schema
from attestflow.policy.loader import load_policy
from attestflow.policy.registry import BUILT_IN, every_rule, page

from .test_loader import GOOD

ROOT = Path(__file__).parents[3]


def test_the_published_schema_is_the_current_one() -> None:
    published = json.loads((ROOT / "docs/schemas/policy-v1.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(policy_schema())), (
        "attestflow policy schema > docs/schemas/policy-v1.json"
    )


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        files("attestflow.cli").joinpath("templates", "production.yaml").read_text(encoding="utf-8"),
        GOOD
        + 'exceptions: [{rule: approved, models: [x], expires: "2026-12-01T00:00:00Z", reason: as agreed on Monday}]\n',
        GOOD + "breakGlass: {by: [oncall], maxLifetime: 4h, never: [approved]}\n",
        GOOD.replace("count: 2}", "count: 2, mode: warn}"),
    ],
)
def test_what_loads_is_valid(text: str) -> None:
    text = text.replace("{expires}", "2027-01-01T00:00:00Z")
    load_policy(text.encode())
    Draft202012Validator(policy_schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mode: enforce", "mode: off"),
        ("by: [pipeline]", "buy: [pipeline]"),
        ("count: 2", "count: two"),
        ("rule:", "rul:"),
    ],
)
def test_mistakes_are_underlined(old: str, new: str) -> None:
    assert list(Draft202012Validator(policy_schema()).iter_errors(yaml.safe_load(GOOD.replace(old, new, 1))))


def test_each_rule_has_its_page_in_the_package() -> None:
    assert tuple(rule.id for rule in every_rule())[: len(BUILT_IN)] == BUILT_IN
    for name in BUILT_IN:
        assert page(name).startswith(f"# {name}\n")
        assert "What an owner reads when it denies" in page(name)
