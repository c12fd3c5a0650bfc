"""An honest pipeline in miniature, step by step: data, validation, model, training, ML-BOM, approval."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from attestflow.clock import format_time
from attestflow.policy.schema import Policy, Transition
from attestflow.predicates import approval, ml_bom, provenance, reference, test_result
from attestflow.rehearsal.cases import Case, age_of
from attestflow.rehearsal.stage import Stage, content_of
from attestflow.subject import ResourceDescriptor

SUITE = hashlib.sha256(b"a suite").hexdigest()
BUILDER = "https://attestflow.dev/builders/rehearsal"
FILES = ("MLmodel", "model.safetensors")


def play(case: Case, stage: Stage, policy: Policy, transition: Transition) -> ResourceDescriptor:
    """Sign what `case` says that happened; the descriptor of the model that it is about."""
    steps = case.steps
    data = stage.tree(_name(steps, "data", "data"), {"train.csv": _digest("train.csv")})
    files = steps.get("model", {}).get("files", FILES)
    model = stage.tree(_name(steps, "model", transition.model), {name: _digest(name) for name in files})
    if "data" in steps:
        _content(stage, data, "dataset", steps["data"])
    if "validation" in steps:
        _validation(stage, data, steps["validation"])
    if "model" in steps:
        _content(stage, model, "model", steps["model"])
    if "training" in steps:
        _training(stage, data, model, steps["training"])
    if "bom" in steps:
        who = stage.cast.able(ml_bom.PREDICATE_TYPE, given=steps["bom"].get("by"))
        document = steps["bom"].get("document") or _bom(transition.model)
        stage.says(who, model, ml_bom.PREDICATE_TYPE, document, age_of(steps["bom"], "bom"))
    for extra in case.extras:
        about = model if extra.about == "model" else data
        who = stage.cast.able(extra.predicate_type, given=extra.by)
        stage.says(who, about, extra.predicate_type, extra.predicate, extra.age)
    if "approval" in steps:
        _approval(stage, model, steps["approval"], policy, transition)
    return model


def _name(steps: Mapping[str, Mapping[str, Any]], step: str, default: str) -> str:
    return str(steps.get(step, {}).get("name", default))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _content(stage: Stage, subject: ResourceDescriptor, kind: str, step: Mapping[str, Any]) -> None:
    who = stage.cast.able(reference.PREDICATE_TYPE, given=step.get("by"), kind=kind)
    listing = ResourceDescriptor(
        None,
        None,
        subject.digest,
        subject.media_type,
        f"listings/{subject.digest['sha256'][:2]}/{subject.digest['sha256']}",
    )
    said = reference.Reference((listing,)).to_json()
    stage.says(who, replace(subject, annotations={"kind": kind}), reference.PREDICATE_TYPE, said, age_of(step, kind))


def _validation(stage: Stage, data: ResourceDescriptor, step: Mapping[str, Any]) -> None:
    who = stage.cast.able(test_result.PREDICATE_TYPE, given=step.get("by"))
    result = step.get("result", "PASSED")
    suite = ResourceDescriptor(name="suite", digest={"sha256": step.get("suite", SUITE)})
    tests: dict[str, Any] = {"passed_tests": ("a test",)} if result == "PASSED" else {"failed_tests": ("a test",)}
    said = test_result.TestResult(result, (suite,), **tests).to_json()
    stage.says(who, data, test_result.PREDICATE_TYPE, said, age_of(step, "validation"))


def _training(stage: Stage, data: ResourceDescriptor, model: ResourceDescriptor, step: Mapping[str, Any]) -> None:
    who = stage.cast.able(provenance.PREDICATE_TYPE, given=step.get("by"))
    ended = stage.now - age_of(step, "training")
    run = provenance.Provenance(
        build_type=provenance.BUILD_TYPE_TRAINING,
        external_parameters={},
        builder_id=BUILDER,
        inputs=(replace(data, uri=step.get("source")), *_commit(step.get("commit"))),
        invocation_id="rehearsal",
        started_on=format_time(ended - timedelta(seconds=step.get("seconds", 60))),
        finished_on=format_time(ended),
        byproducts=tuple(_numbers(name, step[name]) for name in ("metrics", "resources") if name in step),
    )
    stage.says(who, model, provenance.PREDICATE_TYPE, run.to_json(), age_of(step, "training"))


def _commit(step: Mapping[str, Any] | None) -> tuple[ResourceDescriptor, ...]:
    if step is None:
        return ()
    digest = {"gitCommit": step.get("digest", "0" * 40)}
    uri, dirty = f"git+{step.get('repository', 'https://example.com/code')}", step.get("dirty", False)
    return (ResourceDescriptor(name="source code", uri=uri, digest=digest, annotations={"dirty": dirty}),)


def _numbers(name: str, values: Mapping[str, Any]) -> ResourceDescriptor:
    return ResourceDescriptor(name=name, digest={"sha256": _digest(name)}, annotations=values)


def _bom(name: str) -> dict[str, Any]:
    model = {"type": "machine-learning-model", "name": name, "bom-ref": "model"}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [model]}


def _approval(
    stage: Stage, model: ResourceDescriptor, step: Mapping[str, Any], policy: Policy, transition: Transition
) -> None:
    """By everybody whom the policy's rule `approved` names, so many as it asks for, unless the step says who."""
    from attestflow.gate import Gate

    asked = [use.parameters for use in policy.rules if use.rule == "approved"]
    wanted = [name for each in asked for name in each["by"][: each["count"]]]
    owners = step.get("owners") or wanted or [stage.cast.able(approval.PREDICATE_TYPE, given=step.get("by"))]
    seen = Gate(stage.store, stage.verifier, policy, lambda: stage.now).check(
        content_of(model), name=transition.model, transition=transition
    )
    said = approval.Approval(
        decision=step.get("decision", "approved"),
        registry=transition.registry,
        model=transition.model,
        transition=transition.to,
        production=None,
        policy=policy.sha256,
        verdict=seen.findings_sha256(),
        expires=format_time(stage.now + timedelta(days=7)),
    )
    for owner in dict.fromkeys(owners):
        who = stage.cast.able(approval.PREDICATE_TYPE, given=owner)
        stage.says(who, model, approval.PREDICATE_TYPE, said.to_json(), age_of(step, "approval"))
