"""Attacks on rules about numbers: metrics, fairness, what a run used. Each passes without its attack."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy
from attestflow.predicates import ml_bom, provenance
from attestflow.subject import ResourceDescriptor

from .conftest import Pipeline


def numbers(name: str, **values: Any) -> ResourceDescriptor:
    return ResourceDescriptor(name=name, digest={"sha256": "0" * 64}, annotations=values)


def trained(pipeline: Pipeline, weights: bytes = b"\x00", **metrics: Any) -> ContentDigest:
    """A model of these weights whose run reported these metrics; its digest."""
    (pipeline.folder / "model" / "weights").write_bytes(weights)
    if not pipeline.filed_as("reference"):
        pipeline.attest_data()
    pipeline.train(byproducts=(numbers("metrics", **metrics),))
    return pipeline.model.content


METRICS = "{rule: metrics, by: [pipeline], atLeast: {accuracy: 0.9}, atMost: {loss: 0.5}}"


def test_metrics(pipeline: Pipeline) -> None:
    pipeline.ask(METRICS)
    trained(pipeline, accuracy=0.9, loss=0.5)
    pipeline.passes()


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"accuracy": 0.899, "loss": 0.1}, '"accuracy" is 0.899, less than 0.9'),
        ({"accuracy": 0.95, "loss": 0.51}, '"loss" is 0.51, more than 0.5'),
        ({"accuracy": 0.95}, '"loss" was not attested'),
        ({"Accuracy": 0.95, "loss": 0.1}, '"accuracy" was not attested'),
        ({"accuracy": "0.95", "loss": 0.1}, '"accuracy" was not attested'),
        ({"accuracy": True, "loss": 0.1}, '"accuracy" was not attested'),
        ({}, "no metrics by pipeline"),
    ],
)
def test_metrics_that_do_not_reach_it(pipeline: Pipeline, metrics: dict[str, Any], words: str) -> None:
    """Too low, left out, under a like name, as a text, as a truth value."""
    pipeline.ask(METRICS)
    trained(pipeline, **metrics)
    pipeline.denied("metrics", words)


def test_a_second_run_with_better_numbers_does_not_excuse_the_first(pipeline: Pipeline) -> None:
    """Both runs made these bytes; somebody trained until the test set agreed, or made the second one up."""
    pipeline.ask(METRICS)
    trained(pipeline, accuracy=0.7, loss=0.1)
    pipeline.train(byproducts=(numbers("metrics", accuracy=0.99, loss=0.1),), invocation_id="dag/again")
    pipeline.denied("metrics", '"accuracy" is 0.7')


def test_metrics_of_somebody_else_do_not_count(pipeline: Pipeline) -> None:
    pipeline.ask(METRICS.replace("[pipeline]", "[bom-tool]"))
    trained(pipeline, accuracy=0.99, loss=0.1)
    pipeline.denied("metrics", "no metrics by bom-tool")


def test_metrics_of_another_model_by_way_of_a_registration(pipeline: Pipeline) -> None:
    """Somebody who may sign registrations says that the poisoned model is the good one, registered."""
    pipeline.ask(METRICS)
    trained(pipeline, b"good", accuracy=0.99, loss=0.1)
    good = pipeline.model
    pipeline.passes()
    (pipeline.folder / "model" / "weights").write_bytes(b"poison")
    pipeline.train([good.descriptor()], build_type=provenance.BUILD_TYPE_REGISTRATION)
    pipeline.denied("metrics", "no metrics by pipeline")
    (pipeline.folder / "model" / "weights").write_bytes(b"good")
    (pipeline.folder / "model" / "registered_model_meta").write_text("model_name: churn\n")
    pipeline.train([good.descriptor()], build_type=provenance.BUILD_TYPE_REGISTRATION)
    pipeline.passes()


REGRESSION = (
    "{rule: metrics, by: [pipeline], noLowerThanProduction: {accuracy: 0.01}, noHigherThanProduction: {loss: 0}}"
)


def test_no_worse_than_production(pipeline: Pipeline) -> None:
    pipeline.ask(REGRESSION)
    first = trained(pipeline, b"1", accuracy=0.95, loss=0.2)
    pipeline.passes()  # nothing is in production yet
    pipeline.production = first
    trained(pipeline, b"2", accuracy=0.945, loss=0.2)
    pipeline.passes()
    for weights, accuracy, loss, words in (
        (b"3", 0.93, 0.2, '"accuracy" is 0.93, and in production 0.95'),
        (b"4", 0.99, 0.21, '"loss" is 0.21, and in production 0.2'),
    ):
        trained(pipeline, weights, accuracy=accuracy, loss=loss)
        pipeline.denied("metrics", words)


def test_production_of_which_nothing_is_known(pipeline: Pipeline) -> None:
    """Whoever can write to the store takes the evidence of the good model away: then nothing is no worse than it."""
    pipeline.ask(REGRESSION)
    trained(pipeline, b"2", accuracy=0.5, loss=0.9)
    pipeline.production = ContentDigest("tree", "9" * 64)
    pipeline.denied("metrics", "no worse than production cannot be shown")


def evaluated(pipeline: Pipeline, *rows: tuple[str, str, str | None]) -> None:
    """The newest BOM with these metrics: name, value, slice."""
    metrics = [{"type": name, "value": value, **({"slice": part} if part else {})} for name, value, part in rows]
    card = {"quantitativeAnalysis": {"performanceMetrics": metrics}}
    model = {"type": "machine-learning-model", "name": "churn", "modelCard": card}
    pipeline.now += timedelta(seconds=1)
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [model]}
    pipeline.report(ml_bom.PREDICATE_TYPE, document, who="bom-tool", at=pipeline.now)


def test_metrics_from_an_evaluation(pipeline: Pipeline) -> None:
    """What an evaluator measured stands beside what the run says of itself; the worse one counts."""
    pipeline.ask("{rule: metrics, by: [pipeline, bom-tool], atLeast: {accuracy: 0.9}}")
    trained(pipeline, accuracy=0.99)
    evaluated(pipeline, ("accuracy", "0.91", None))
    pipeline.passes()
    evaluated(pipeline, ("accuracy", "0.8", None), ("accuracy", "1.0", "easy ones"))
    pipeline.denied("metrics", '"accuracy" is 0.8')


FAIRNESS = "{rule: fairness, by: [bom-tool], metric: recall, slices: [women, men], maxGap: 0.1, minRatio: 0.8}"


def test_fairness(pipeline: Pipeline) -> None:
    pipeline.ask(FAIRNESS)
    pipeline.run()
    evaluated(pipeline, ("recall", "0.9", "women"), ("recall", "0.85", "men"), ("recall", "0.1", None))
    pipeline.passes()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("recall", "0.9", "women"), ("recall", "0.7", "men")], "0.2 apart, more than 0.1"),
        ([("recall", "0.1", "women"), ("recall", "0.07", "men")], "less than 0.8 of the best"),
        ([("recall", "0.9", "women")], '"recall" was not measured for "men"'),
        ([("recall", "0.9", "women"), ("recall", "nan", "men")], 'not measured for "men"'),
        ([("recall", "0.9", "women"), ("recall", "0.9", "men"), ("recall", "0.5", "others")], "apart"),
        ([("recall", "0.9", "women"), ("recall", "0.9", "men"), ("recall", "0.2", "men")], "apart"),
        ([("precision", "0.9", "women"), ("precision", "0.9", "men")], "was not measured"),
    ],
)
def test_a_model_that_serves_some_worse(pipeline: Pipeline, rows: list[tuple[str, str, str]], words: str) -> None:
    """A slice left out, measured as no number, measured twice until it fitted, or another metric in its place."""
    pipeline.ask(FAIRNESS)
    pipeline.run()
    evaluated(pipeline, *rows)
    pipeline.denied("fairness", words)


def run(pipeline: Pipeline, weights: bytes, seconds: int, memory: float | None = 100.0) -> ContentDigest:
    (pipeline.folder / "model" / "weights").write_bytes(weights)
    used = () if memory is None else (numbers("resources", max_rss_mib=memory),)
    started = format_time(pipeline.now - timedelta(seconds=seconds))
    pipeline.train(byproducts=used, started_on=started)
    return pipeline.model.content


def test_resource_use(pipeline: Pipeline) -> None:
    """A run that mines coins beside training takes longer than ever, or more memory."""
    pipeline.ask("{rule: resource-use, by: [pipeline], within: 1.5, baseline: {seconds: 100, max_rss_mib: 100}}")
    run(pipeline, b"1", 150)
    pipeline.passes()
    run(pipeline, b"2", 151)
    pipeline.denied("resource-use", '"seconds" was 151, more than 1.5 times 100')
    run(pipeline, b"3", 10, 1000.0)
    pipeline.denied("resource-use", '"max_rss_mib" was 1000')
    run(pipeline, b"4", 10, None)
    pipeline.denied("resource-use", '"max_rss_mib" was not attested')


def test_resource_use_against_production(pipeline: Pipeline) -> None:
    pipeline.ask("{rule: resource-use, by: [pipeline], within: 2}")
    first = run(pipeline, b"1", 100)
    pipeline.passes()
    pipeline.production = first
    run(pipeline, b"2", 199)
    pipeline.passes()
    run(pipeline, b"3", 201)
    pipeline.denied("resource-use", "more than 2 times 100")
    pipeline.production = ContentDigest("tree", "9" * 64)
    pipeline.denied("resource-use", "was not attested")


@pytest.mark.parametrize(
    "rule",
    [
        "{rule: metrics, by: [pipeline]}",
        "{rule: metrics, by: [pipeline], atLeast: {}}",
        "{rule: metrics, by: [pipeline], atLeast: {accuracy: high}}",
        "{rule: metrics, by: [pipeline], noLowerThanProduction: {accuracy: -1}}",
        "{rule: fairness, by: [pipeline], metric: recall, slices: [a, b]}",
        "{rule: fairness, by: [pipeline], metric: recall, slices: [a], maxGap: 0.1}",
        "{rule: resource-use, by: [pipeline], within: 0}",
        "{rule: resource-use, by: [pipeline], within: 1, baseline: {seconds: 0}}",
    ],
)
def test_rules_that_would_ask_for_nothing(pipeline: Pipeline, rule: str) -> None:
    pipeline.ask(rule)
    with pytest.raises(ConfigurationError):
        load_policy(pipeline.policy.encode())
