"""Attacks on rules about where things come from: code, sources, formats, ages, who observed. Each passes without its attack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy
from attestflow.policy.rules.uris import plain_uri
from attestflow.predicates import reference
from attestflow.subject import ResourceDescriptor, measure
from attestflow.testing.trust import Person, new_signer

from .conftest import Pipeline

COMMIT = "c" * 40
HOME = "https://github.com/acme/train"


def commit(uri: str | None = f"git+{HOME}.git", *, dirty: Any = False, digest: str = COMMIT) -> ResourceDescriptor:
    notes = {} if dirty is None else {"dirty": dirty}
    return ResourceDescriptor(name="source code", uri=uri, digest={"gitCommit": digest}, annotations=notes)


def train_with(pipeline: Pipeline, *inputs: ResourceDescriptor) -> None:
    pipeline.attest_data()
    pipeline.train([pipeline.data.descriptor(), *inputs])


CODE = "{rule: code-commit, by: [pipeline], repositories: ['https://github.com/acme/*']}"


def test_code_commit(pipeline: Pipeline) -> None:
    pipeline.ask(CODE)
    train_with(pipeline, commit())
    pipeline.passes()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "names no git commit"),
        ([commit(dirty=True)], "does not say that its work tree was clean"),
        ([commit(dirty=None)], "does not say that its work tree was clean"),
        ([commit(dirty="false")], "does not say that its work tree was clean"),
        ([commit(None)], "is of no repository"),
        ([commit("git+https://github.com/acme-evil/train")], "which is not allowed"),
        ([commit("git+https://github.com/acme/../evil/train")], "which is not allowed"),
        ([commit("git+https://github.com/acme/%2e%2e/evil")], "which is not allowed"),
        ([commit("git+https://github.com@evil.example/acme/x")], "which is not allowed"),
        ([commit(), commit("git+https://evil.example/x")], "which is not allowed"),
    ],
)
def test_code_of_somebody_else(pipeline: Pipeline, found: list[ResourceDescriptor], words: str) -> None:
    """A dirty work tree, a look-alike repository, one that dots or user information lead to, a second one beside ours."""
    pipeline.ask(CODE)
    train_with(pipeline, *found)
    pipeline.denied("code-commit", words)


def test_code_that_developers_attested(pipeline: Pipeline) -> None:
    """The run says of itself which commit it was; the code tree that a developer signed is what it cannot make up."""
    pipeline.ask(CODE.replace("}", ", signedBy: [developer]}"))
    pipeline.people["developer"] = Person(
        [new_signer()], [{"predicateType": reference.PREDICATE_TYPE, "kinds": ["code"]}]
    )
    (pipeline.folder / "code").mkdir()
    (pipeline.folder / "code" / "train.py").write_text("fit()")
    code = measure(pipeline.folder / "code")
    train_with(pipeline, commit())
    pipeline.denied("code-commit", "read no code tree")
    pipeline.train([pipeline.data.descriptor(), commit(), code.descriptor()])
    pipeline.says("pipeline").attest_content(code, kind="code")
    pipeline.denied("code-commit")
    for path in pipeline.filed_as("provenance"):
        path.unlink()
    pipeline.train([pipeline.data.descriptor(), commit(), code.descriptor()])
    pipeline.denied("code-commit", "is not attested by developer")
    pipeline.says("developer").attest_content(code, kind="code")
    pipeline.passes()


SOURCES = "{rule: sources-allowed, allow: ['s3://lake/*', 'hf://acme/*', 'git+https://github.com/acme/*']}"


def from_where(pipeline: Pipeline, uri: str | None, *more: ResourceDescriptor) -> None:
    pipeline.attest_data()
    pipeline.train([replace(pipeline.data.descriptor(), uri=uri), *more])


@pytest.mark.parametrize("uri", ["s3://lake/sales/2026", "S3://LAKE/sales", "hf://acme/base@" + COMMIT])
def test_sources_allowed(pipeline: Pipeline, uri: str) -> None:
    pipeline.ask(SOURCES)
    from_where(pipeline, uri, commit())
    pipeline.passes()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (None, "nothing says where"),
        ("s3://lake-evil/sales", "which is not allowed"),
        ("s3://lake/../evil/sales", "read in more than one way"),
        ("s3://lake/a?versionId=1", "read in more than one way"),
        ("s3://lake/a%2f..%2f", "read in more than one way"),
        ("s3://x@lake/a", "read in more than one way"),
        ("https://evil.example/s3://lake/a", "read in more than one way"),
        ("hf://acme/base", "names no commit or digest"),
        ("hf://acme/base@main", "names no commit or digest"),
        ("lake/sales", "read in more than one way"),
    ],
)
def test_a_source_that_is_not_allowed(pipeline: Pipeline, uri: str | None, words: str) -> None:
    """Look-alikes of an allowed place, and a branch that may move tomorrow."""
    pipeline.ask(SOURCES)
    from_where(pipeline, uri)
    pipeline.denied("sources-allowed", words)


@pytest.mark.parametrize("text", ["", "x", "http://[", "a:b\x00c", "a:\u202eb", "https://h/\\..\\x", "a" * 3000 + ":b"])
def test_a_uri_that_can_be_read_in_two_ways_is_none(text: str) -> None:
    assert plain_uri(text) is None


def test_serialization_formats(pipeline: Pipeline) -> None:
    """A pickle beside the weights; then no listing, so that nobody can say which files there are."""
    pipeline.ask("{rule: serialization-formats}")
    (pipeline.folder / "model" / "weights").rename(pipeline.folder / "model" / "model.safetensors")
    pipeline.run()
    pipeline.passes()
    (pipeline.folder / "model" / "extra.PKL").write_bytes(b"\x80\x04.")
    pipeline.train()
    pipeline.denied("serialization-formats", "extra.PKL")
    pipeline.ask("{rule: serialization-formats, allow: ['*']}")
    pipeline.passes()
    for path in (pipeline.folder / "store" / "listings").rglob("*"):
        if path.is_file():
            path.unlink()
    pipeline.denied("serialization-formats", "listing is not in the store")


def test_fresh(pipeline: Pipeline) -> None:
    """An old model with known faults comes back under a new version number."""
    pipeline.ask("{rule: fresh, by: [pipeline], maxTrainingAge: 30d, maxDataAge: 60d}")
    pipeline.run()
    pipeline.passes()
    pipeline.now += timedelta(days=31)
    pipeline.denied("fresh", "was trained 31 days ago, more than 30 days")
    pipeline.now += timedelta(days=31)
    assert any("62 days old" in finding.message for finding in pipeline.verdict().denials)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"finished_on": None}, "nothing says when"), ({"finished_on": "2030-01-01T00:00:00Z"}, "in the future")],
)
def test_a_run_that_states_no_end(pipeline: Pipeline, changes: dict[str, Any], words: str) -> None:
    pipeline.ask("{rule: fresh, by: [pipeline], maxTrainingAge: 30d}")
    pipeline.attest_data()
    pipeline.train(**changes)
    pipeline.denied("fresh", words)


def test_observed(pipeline: Pipeline) -> None:
    """What training code can sign it can also make up: only a service outside of it observes."""
    pipeline.ask("{rule: observed}")
    pipeline.run()
    pipeline.denied("observed", "is what pipeline says of itself")
    pipeline.people["pipeline"] = replace(pipeline.people["pipeline"], observed=True)
    pipeline.passes()
    for path in pipeline.filed_as("provenance"):
        path.unlink()
    pipeline.denied("observed", "nothing in the lineage")


@pytest.mark.parametrize(
    "rule",
    ["{rule: fresh, by: [pipeline]}", "{rule: code-commit, by: [pipeline]}", "{rule: sources-allowed, allow: []}"],
)
def test_rules_that_would_ask_for_nothing(pipeline: Pipeline, rule: str) -> None:
    pipeline.ask(rule)
    with pytest.raises(ConfigurationError):
        load_policy(pipeline.policy.encode())
