"""Attacks on rules about reports: tests, checklists, traces, scanners, vulnerabilities. Each passes without its attack."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from attestflow.bundle import Bundle
from attestflow.clock import format_time
from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy
from attestflow.policy.rules.vex import OPENVEX_TYPE
from attestflow.predicates import checklist, ml_bom, runtime_trace, sarif, test_result, vulns
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import Person, new_signer

from .conftest import Pipeline

SUITE = "7" * 64


def result(outcome: str = "PASSED", *, suite: str = SUITE, **tests: Any) -> dict[str, Any]:
    return {"result": outcome, "configuration": [{"name": "pytest", "digest": {"sha256": suite}}], **tests}


def test_tests_passed(pipeline: Pipeline) -> None:
    """A suite that was edited to pass always is another suite, and so no suite at all."""
    pipeline.ask(f"{{rule: tests-passed, by: [ci], suites: ['{SUITE}'], tests: [test_load], atLeast: 2, maxAge: 7d}}")
    pipeline.people["ci"] = Person([new_signer()], [test_result.PREDICATE_TYPE])
    pipeline.run()
    pipeline.denied("tests-passed", "there is no test result by ci")
    good = result(passedTests=["test_load", "test_score"])
    pipeline.report(test_result.PREDICATE_TYPE, good, who="ci")
    pipeline.passes()
    later = pipeline.now + timedelta(seconds=1)
    pipeline.now = later
    pipeline.report(test_result.PREDICATE_TYPE, result("FAILED", failedTests=["test_score"]), who="ci", at=later)
    pipeline.denied("tests-passed", 'FAILED: "test_score"')
    pipeline.now += timedelta(seconds=1)
    always = result(suite="e" * 64, passedTests=["test_load", "test_score"])
    pipeline.report(test_result.PREDICATE_TYPE, always, who="ci", at=pipeline.now)
    pipeline.denied("tests-passed", "FAILED")  # what counts is still the last run of the pinned suite


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (result(passedTests=["test_score", "test_x"]), '"test_load" did not run'),
        (result(passedTests=["test_load", "test_load"]), "1 tests passed, not 2"),
        (result("WARNED", passedTests=["test_load", "a"], warnedTests=["b"]), "WARNED"),
    ],
)
def test_tests_that_did_not_run_are_missed(pipeline: Pipeline, said: dict[str, Any], words: str) -> None:
    pipeline.ask("{rule: tests-passed, by: [ci], tests: [test_load], atLeast: 2}")
    pipeline.run()
    pipeline.report(test_result.PREDICATE_TYPE, said, who="ci")
    pipeline.denied("tests-passed", words)


def test_a_bias_test_is_no_data_validation(pipeline: Pipeline) -> None:
    """The bias tester signs that the data set passed, with a suite of its own: neither trust root nor rule takes it."""
    pipeline.ask("{rule: tests-passed, by: [validation], about: datasets}")
    pipeline.attest_data()
    pipeline.train()
    data = pipeline.data.descriptor()
    pipeline.report(test_result.PREDICATE_TYPE, result(passedTests=["bias"]), who="bias-tests", about=data)
    pipeline.denied("tests-passed", "there is no test result by validation")
    pipeline.says("validation").attest_predicate([data], test_result.PREDICATE_TYPE, result(passedTests=["bias"]))
    pipeline.denied("tests-passed", "there is no test result by validation")
    assert any("not among those allowed" in each.reason for each in pipeline.verdict().rejected)
    pipeline.validate()
    pipeline.passes()


def test_checklist(pipeline: Pipeline) -> None:
    """Items are dropped from the list, so that all that is left is ticked."""
    pipeline.ask("{rule: checklist, by: [owner], items: [model card read, rollback tried]}")
    pipeline.run()
    both = [{"id": "model card read", "done": True}, {"id": "rollback tried", "done": True, "note": "on staging"}]
    pipeline.report(checklist.PREDICATE_TYPE, {"items": both}, who="owner")
    pipeline.passes()
    for items, words in (
        (both[:1], '"rollback tried" is not on the list'),
        ([*both, {"id": "more", "done": False}], '"more" is not done'),
    ):
        pipeline.now += timedelta(seconds=1)
        pipeline.report(checklist.PREDICATE_TYPE, {"items": items}, who="owner", at=pipeline.now)
        pipeline.denied("checklist", words)


def trace(**log: Any) -> dict[str, Any]:
    return {
        "monitor": {"type": "https://example.com/strace/v6"},
        "monitoredProcess": {"hostID": "https://example.com/host", "type": "https://example.com/train", "event": "1"},
        "monitorLog": log,
    }


ACCESS = (
    "{rule: access-declared, by: [scanner], files: ['/data/*', '/usr/lib/*'], network: [none], "
    "processes: ['/usr/bin/python3']}"
)
QUIET = {"fileAccess": [{"name": "/data/train.csv"}], "network": [], "process": [{"path": "/usr/bin/python3"}]}


def test_access_declared(pipeline: Pipeline) -> None:
    pipeline.ask(ACCESS)
    pipeline.run()
    pipeline.report(runtime_trace.PREDICATE_TYPE, trace(**QUIET))
    pipeline.passes()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ({**QUIET, "fileAccess": [{"name": "/srv/x/.ssh/id_ed25519"}]}, '"/srv/x/.ssh/id_ed25519" was not declared'),
        ({**QUIET, "fileAccess": [{"name": "/data/../srv/x/.ssh/id"}]}, "was not declared"),
        ({**QUIET, "network": [{"address": "203.0.113.7", "port": 443}]}, '"203.0.113.7:443" was not declared'),
        ({**QUIET, "process": ["/tmp/miner"]}, '"/tmp/miner" was not declared'),
        ({"fileAccess": [], "process": []}, "the monitor did not look for network"),
    ],
)
def test_access_that_was_not_declared(pipeline: Pipeline, log: dict[str, Any], words: str) -> None:
    """Training code reads keys, calls home, starts a miner; or somebody switches a part of the monitor off."""
    pipeline.ask(ACCESS)
    pipeline.run()
    pipeline.report(runtime_trace.PREDICATE_TYPE, trace(**log))
    pipeline.denied("access-declared", words)


def scan(results: list[dict[str, Any]], *, tool: str = "bandit", **run: Any) -> dict[str, Any]:
    driver = {"name": tool, "rules": [{"id": "B1", "defaultConfiguration": {"level": "error"}}]}
    report = {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}
    return {"report": report, "reportFileName": "scan.sarif", "reportDigestSet": {}}


FOUND = {"ruleId": "B2", "level": "error", "message": {"text": "eval of what the user sends"}}


def test_sarif_level(pipeline: Pipeline) -> None:
    pipeline.ask("{rule: sarif-level, by: [scanner], tools: [bandit], level: error, maxAge: 7d}")
    pipeline.run()
    pipeline.report(sarif.PREDICATE_TYPE, scan([{**FOUND, "level": "warning"}, {**FOUND, "kind": "pass"}]))
    pipeline.passes()
    pipeline.now += timedelta(days=8)
    pipeline.denied("sarif-level", "is 8 days old, more than 7 days")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (scan([FOUND]), "eval of what the user sends"),
        (scan([{"ruleId": "B1", "message": {"text": "by its rule"}}]), '"B1" (error)'),
        (scan([{"ruleIndex": 0, "message": {"text": "by its index"}}]), "(error)"),
        (scan([], invocations=[{"executionSuccessful": False}]), "did not finish"),
        (
            scan([], invocations=[{"executionSuccessful": True, "toolExecutionNotifications": [{"level": "error"}]}]),
            "error",
        ),
        (scan([], tool="nothing-at-all"), "there is no SARIF report"),
    ],
)
def test_a_scan_that_found_something_or_did_not_run(pipeline: Pipeline, said: dict[str, Any], words: str) -> None:
    """A level left out, a crash of the scanner, a tool that finds nothing by design."""
    pipeline.ask("{rule: sarif-level, by: [scanner], tools: [bandit], level: error}")
    pipeline.run()
    pipeline.report(sarif.PREDICATE_TYPE, said)
    pipeline.denied("sarif-level", words)


def test_model_scan(pipeline: Pipeline) -> None:
    """The scan leaves out the one file that holds the payload, or scanned it before it was swapped."""
    pipeline.ask("{rule: model-scan, by: [scanner], maxAge: 30d}")
    pipeline.run()
    listing = pipeline.model.listing
    assert listing is not None
    files = [{"location": {"uri": name}, "hashes": {"sha-256": digest}} for name, digest in listing]
    pipeline.report(sarif.PREDICATE_TYPE, scan([], artifacts=files))
    pipeline.passes()
    swapped = [{**files[0], "hashes": {"sha-256": "0" * 64}}, *files[1:]]
    for artifacts in (files[:1], swapped, []):
        pipeline.now += timedelta(seconds=1)
        pipeline.report(sarif.PREDICATE_TYPE, scan([], artifacts=artifacts), at=pipeline.now)
        pipeline.denied("model-scan", "was not scanned at this digest")
    pipeline.now += timedelta(seconds=1)
    hint = {"ruleId": "pickle", "level": "none", "message": {"text": "os.system in weights"}}
    pipeline.report(sarif.PREDICATE_TYPE, scan([hint], artifacts=files), at=pipeline.now)
    pipeline.denied("model-scan", "os.system")


def report(pipeline: Pipeline, *found: tuple[str, str], database: timedelta = timedelta(0)) -> dict[str, Any]:
    now, updated = format_time(pipeline.now), format_time(pipeline.now - database)
    rows = [{"id": name, "severity": [{"method": "cvss", "score": score}]} for name, score in found]
    return {
        "scanner": {"uri": "pkg:pypi/pip-audit", "db": {"lastUpdate": updated}, "result": rows},
        "metadata": {"scanStartedOn": now, "scanFinishedOn": now},
    }


VULNERABILITIES = (
    "{rule: vulnerabilities, by: [scanner], allow: medium, maxAge: 7d, maxDatabaseAge: 2d, vexBy: [security]}"
)


def test_vulnerabilities(pipeline: Pipeline) -> None:
    pipeline.ask(VULNERABILITIES)
    pipeline.people["security"] = Person([new_signer()], [ml_bom.PREDICATE_TYPE, OPENVEX_TYPE])
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, ("CVE-1", "5.2"), ("CVE-2", "medium")))
    pipeline.passes()
    pipeline.now += timedelta(days=3)
    pipeline.denied("vulnerabilities", "the scanner's database is 3 days old")


@pytest.mark.parametrize(
    ("score", "words"),
    [("9.8", "critical"), ("high", "high"), ("unrated", "critical"), ("-1", "critical"), ("nan", "critical")],
)
def test_a_vulnerability_that_is_too_bad(pipeline: Pipeline, score: str, words: str) -> None:
    """A score that cannot be read is the worst there is."""
    pipeline.ask(VULNERABILITIES.replace(", vexBy: [security]", ""))
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, ("CVE-9", score)))
    pipeline.denied("vulnerabilities", f'"CVE-9" is {words}')


def test_a_database_of_last_year_finds_nothing(pipeline: Pipeline) -> None:
    pipeline.ask(VULNERABILITIES.replace(", vexBy: [security]", ""))
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, database=timedelta(days=365)))
    pipeline.denied("vulnerabilities", "database is 365 days old")


def vex(state: str = "not_affected", **more: Any) -> dict[str, Any]:
    analysis = {"state": state, **more}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [{"id": "CVE-9", "analysis": analysis}]}


def test_a_vex_answers_for_a_vulnerability(pipeline: Pipeline) -> None:
    """Only of who may, only about this very model, only with a reason; who is trusted for BOMs cannot wave it away."""
    pipeline.ask(VULNERABILITIES)
    bom_only = [{"predicateType": ml_bom.PREDICATE_TYPE, "documents": ["bom"]}]
    pipeline.people["security"] = Person([new_signer()], [ml_bom.PREDICATE_TYPE, OPENVEX_TYPE])
    pipeline.people["bom-tool"] = Person([new_signer()], bom_only)
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, ("CVE-9", "9.8")))
    other = ResourceDescriptor(name="other", digest={"sha256": "1" * 64})
    good = vex(justification="code_not_reachable")
    model = pipeline.model.descriptor()
    pipeline.says("bom-tool").attest_predicate([model], ml_bom.PREDICATE_TYPE, good)
    pipeline.says("pipeline").attest_predicate([model], ml_bom.PREDICATE_TYPE, good)
    pipeline.says("security").attest_predicate([other], ml_bom.PREDICATE_TYPE, good)
    pipeline.says("security").attest_predicate([model], ml_bom.PREDICATE_TYPE, vex())
    pipeline.denied("vulnerabilities", '"CVE-9" is critical')
    assert any("only bom is allowed" in each.reason for each in pipeline.verdict().rejected)
    statement = {
        "vulnerability": {"name": "CVE-9"},
        "status": "not_affected",
        "justification": "inline_mitigations_exist",
    }
    for path in pipeline.filed_as("ml-bom"):
        if "vulnerabilities" in Statement.parse(Bundle.parse(path.read_bytes()).envelope.payload).predicate:
            path.unlink()
    pipeline.says("security").attest_predicate([model], OPENVEX_TYPE, {"statements": [statement]})
    pipeline.passes()
    # Two statements that contradict each other answer nothing.
    pipeline.says("security").attest_predicate([model], ml_bom.PREDICATE_TYPE, vex("exploitable"))
    pipeline.denied("vulnerabilities", '"CVE-9" is critical')


def test_a_vex_of_who_may_sign_boms_answers_nothing(pipeline: Pipeline) -> None:
    pipeline.ask(VULNERABILITIES)
    pipeline.people["security"] = Person([new_signer()], [ml_bom.PREDICATE_TYPE])
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, ("CVE-9", "9.8")))
    model, good = pipeline.model.descriptor(), vex(justification="code_not_reachable")
    pipeline.says("pipeline").attest_predicate([model], ml_bom.PREDICATE_TYPE, good)
    pipeline.denied("vulnerabilities", '"CVE-9" is critical')
    pipeline.says("security").attest_predicate([model], ml_bom.PREDICATE_TYPE, good)
    pipeline.passes()


@pytest.mark.parametrize("states", [("not_affected", "exploitable"), ("exploitable", "not_affected")])
def test_a_vex_that_contradicts_itself_answers_nothing(pipeline: Pipeline, states: tuple[str, str]) -> None:
    pipeline.ask(VULNERABILITIES)
    pipeline.people["security"] = Person([new_signer()], [ml_bom.PREDICATE_TYPE])
    pipeline.run()
    pipeline.report(vulns.PREDICATE_TYPE, report(pipeline, ("CVE-9", "9.8")))
    both = [vex(state, justification="code_not_reachable")["vulnerabilities"][0] for state in states]
    said = {**vex(), "vulnerabilities": both}
    pipeline.says("security").attest_predicate([pipeline.model.descriptor()], ml_bom.PREDICATE_TYPE, said)
    pipeline.denied("vulnerabilities", '"CVE-9" is critical')


def test_a_report_of_the_future_or_of_no_time(pipeline: Pipeline) -> None:
    """One that states a time to come would be the newest for as long as it likes; so might one that states none."""
    pipeline.ask("{rule: tests-passed, by: [ci]}")
    pipeline.run()
    good = result(passedTests=["t"])
    pipeline.report(test_result.PREDICATE_TYPE, good, who="ci")
    pipeline.passes()
    pipeline.report(test_result.PREDICATE_TYPE, good, who="ci", at=pipeline.now + timedelta(days=1))
    pipeline.denied("tests-passed", "states no time, or one in the future")
    for path in pipeline.filed_as("test-result"):
        path.unlink()
    statement = Statement.build([pipeline.model.descriptor()], test_result.PREDICATE_TYPE, good)
    pipeline.store.put(pipeline.people["ci"].signers[0].sign(statement))
    pipeline.denied("tests-passed", "states no time, or one in the future")


@pytest.mark.parametrize(
    ("conditions", "good", "bad"),
    [
        ("[{path: /score, atLeast: 0.8}]", {"score": 0.8}, {"score": 0.79}),
        ("[{path: /score, atLeast: 0.8}]", {"score": 1}, {"score": True}),
        ("[{path: /score, atMost: 3}]", {"score": 3}, {"score": "1"}),
        ("[{path: /a/0/b, equals: yes-please}]", {"a": [{"b": "yes-please"}]}, {"a": []}),
        ("[{path: /done, equals: true}]", {"done": True}, {"done": 1}),
        ("[{path: /kind, oneOf: [x, y]}]", {"kind": "y"}, {"kind": ["x"]}),
        ("[{path: /uri, matches: 'https://good/*'}]", {"uri": "https://good/x"}, {"uri": "https://bad/good/x"}),
        ("[{path: /a~1b, equals: 9223372036854775808}]", {"a/b": 2**63}, {"a/b": 2**63 - 1}),
    ],
)
def test_any_predicate_can_be_addressed_by_path(
    pipeline: Pipeline, conditions: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    kind = "https://example.com/nobody-knows-this/v1"
    pipeline.ask(f"{{rule: required-attestation, predicateType: '{kind}', by: [scanner], where: {conditions}}}")
    pipeline.run()
    pipeline.report(kind, good)
    pipeline.passes()
    for said in (bad, {}, {"": good}):
        pipeline.now += timedelta(seconds=1)
        pipeline.report(kind, said, at=pipeline.now)
        pipeline.denied("required-attestation")


def test_a_pattern_and_a_text_made_to_hang(pipeline: Pipeline) -> None:
    """A glob with many stars over a long text: denied at once, or answered at once."""
    kind = "https://example.com/x/v1"
    pattern = "*a" * 60 + "b"
    pipeline.ask(
        f"{{rule: required-attestation, predicateType: '{kind}', by: [scanner], where: [{{path: /t, matches: '{pattern}'}}]}}"
    )
    pipeline.run()
    for text in ("a" * 9_000, "a" * 1_000_000):
        pipeline.now += timedelta(seconds=1)
        pipeline.report(kind, {"t": text}, at=pipeline.now)
        pipeline.denied("required-attestation")


@pytest.mark.parametrize(
    "rule",
    [
        "{rule: required-attestation, predicateType: 'https://e.com/x', by: [a], where: []}",
        "{rule: required-attestation, predicateType: 'https://e.com/x', by: [a], where: [{path: x, equals: 1}]}",
        "{rule: required-attestation, predicateType: 'https://e.com/x', by: [a], where: [{path: /x}]}",
        "{rule: required-attestation, predicateType: 'https://e.com/x', by: [a], where: [{path: /x, equal: 1}]}",
        "{rule: required-attestation, predicateType: 'https://e.com/x', by: [a], where: [{path: /x, atLeast: many}]}",
        "{rule: access-declared, by: [a]}",
        "{rule: vulnerabilities, by: [a], maxAge: 7d}",
        "{rule: vulnerabilities, by: [a], maxAge: 7d, maxDatabaseAge: 1d, allow: critical}",
    ],
)
def test_rules_that_would_ask_for_nothing(pipeline: Pipeline, rule: str) -> None:
    pipeline.ask(rule)
    with pytest.raises(ConfigurationError):
        load_policy(pipeline.policy.encode())
