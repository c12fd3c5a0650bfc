"""Predicate types that nobody here has heard of, and such as a package brings along: strict where somebody says how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from attestflow.errors import MalformedStatement
from attestflow.predicates import others

from .conftest import Pipeline

REVIEW = "https://acme.example/review/v1"
RULE = f"{{rule: required-attestation, predicateType: '{REVIEW}', by: [scanner]}}"


def parse(predicate: Mapping[str, Any], where: str) -> object:
    if not isinstance(predicate["outcome"], str):
        raise MalformedStatement(f"{where}.outcome: no text")
    return predicate["outcome"]


def installed(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
    """As if packages with these entry points were installed."""
    points = [EntryPoint(f"acme{number}", "acme:review", others.ENTRY_POINTS) for number, _ in enumerate(modules)]
    monkeypatch.setattr(EntryPoint, "load", lambda self: modules[int(self.name.removeprefix("acme"))])
    monkeypatch.setattr(others, "entry_points", lambda group: points)
    others._loaded.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    others._loaded.cache_clear()


def test_a_type_that_nobody_knows_is_taken_as_it_is(pipeline: Pipeline) -> None:
    pipeline.ask(RULE)
    pipeline.run()
    pipeline.report(REVIEW, {"outcome": 1})
    pipeline.passes()


@pytest.mark.parametrize("predicate", [{"outcome": 1}, {}, {"outcome": None}])
def test_one_that_breaks_its_format_counts_as_absent(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, predicate: dict[str, Any]
) -> None:
    installed(monkeypatch, SimpleNamespace(PREDICATE_TYPE=REVIEW, parse=parse))
    pipeline.ask(RULE)
    pipeline.run()
    pipeline.report(REVIEW, predicate)
    pipeline.denied("required-attestation", "there is no")
    assert any("predicate" in each.reason for each in pipeline.verdict().rejected)
    pipeline.report(REVIEW, {"outcome": "accepted"})
    pipeline.passes()


@pytest.mark.parametrize(
    "modules",
    [
        (SimpleNamespace(),),
        (SimpleNamespace(PREDICATE_TYPE="no uri", parse=parse),),
        (SimpleNamespace(PREDICATE_TYPE=REVIEW, parse=parse), SimpleNamespace(PREDICATE_TYPE=REVIEW, parse=print)),
    ],
)
def test_a_package_that_does_not_load_denies(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, modules: tuple[Any, ...]
) -> None:
    """Whether evidence is well formed cannot be known then; passing over the check would be passing over the evidence."""
    pipeline.ask(RULE)
    pipeline.run()
    pipeline.report(REVIEW, {"outcome": "accepted"})
    pipeline.passes()
    installed(monkeypatch, *modules)
    verdict = pipeline.verdict()
    assert not verdict.passed
    assert verdict.denials[0].rule == "evidence"
