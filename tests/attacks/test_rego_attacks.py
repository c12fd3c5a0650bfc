"""Attacks on Rego policies and by them: none of them turns a denial into a pass, and nothing leaves the child."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from attestflow.lineage import gather
from attestflow.policy.engine import evaluate
from attestflow.policy.rego.process import Child, RegoFailed
from attestflow.policy.schema import Context
from attestflow.predicates.http_snapshot import PREDICATE_TYPE as SNAPSHOT
from attestflow.predicates.http_snapshot import HttpSnapshot
from attestflow.testing.trust import new_verifier

from .conftest import Pipeline

HEAD = "package attestflow\nimport rego.v1\n"


def rego(pipeline: Pipeline, source: str, **more: Any) -> None:
    """A policy of one Rego rule."""
    data = source.encode()
    pipeline.files_of_policy["policy.rego"] = data
    use = {"rule": "rego", "modules": [{"file": "policy.rego", "sha256": hashlib.sha256(data).hexdigest()}], **more}
    pipeline.ask(json.dumps(use))


DENY = (
    HEAD
    + """
model := input.lineage.nodes[input.subject]
runs := [each | some each in model.attestations; each.predicateType == "https://slsa.dev/provenance/v1"]
deny contains "no run made it" if count(runs) == 0
deny contains sprintf("%s was not observed", [each.functionary]) if {
  some each in runs
  not each.observed
}
"""
)


def test_a_policy_over_the_lineage(pipeline: Pipeline) -> None:
    rego(pipeline, DENY)
    pipeline.denied("rego", "no run made it")
    pipeline.run()
    pipeline.denied("rego", "pipeline was not observed")
    pipeline.people["pipeline"] = replace(pipeline.people["pipeline"], observed=True)
    pipeline.passes()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "undefined"),
        ("deny := x if { x := input.no.such.thing }", "undefined"),
        ("deny := true", "no collection"),
        ("deny := false", "no collection"),
        ('deny := "nothing"', "no collection"),
        ("deny := null", "no collection"),
        ("deny := 0", "no collection"),
        ("deny := {false}", "False"),
        ('deny := {"a": 1}', "a: "),
        ("deny contains x if { x := 1 / 0 }\ndeny := 3", "no answer"),
        ("deny contains", "no answer"),
        ("deny := data.nobody.knows", "undefined"),
        ("import data.lib\ndeny := lib.f(1)", "no answer"),
        ('deny := [x | x := env("HOME")]', "no answer"),
        ('deny := {x | x := opa.runtime().env.PATH; x} | {m | m := 1; rand.intn("a", 2) >= 0}', "no answer"),
        ('deny := {"x" | uuid.rfc4122("a") == ""}', "no answer"),
        ('deny := {"x" | not http.send({"method": "get", "url": "http://127.0.0.1/"})}', "no answer"),
    ],
)
def test_what_is_no_clear_answer_denies(pipeline: Pipeline, source: str, words: str) -> None:
    pipeline.run()
    rego(pipeline, HEAD + source)
    pipeline.denied("rego", words)


@pytest.mark.parametrize("value", ['"true"', "1", "[true]", "{true}", "null", "false"])
def test_only_true_is_true(pipeline: Pipeline, value: str) -> None:
    pipeline.run()
    rego(pipeline, HEAD + f"allow := {value}", query="data.attestflow.allow", expect="true")
    pipeline.denied("rego", "not true")
    rego(pipeline, HEAD + "allow := true", query="data.attestflow.allow", expect="true")
    pipeline.passes()


BOMBS = {
    "recursion": "f(x) := f(x + 1)\ndeny := {x | x := f(1)}",
    "memory": 'deny := {x | some i in numbers.range(1, 20000000); x := sprintf("%d %s", [i, "aaaaaaaaaaaaaaaaaaaaaaaa"])}',
    "time": """r := numbers.range(1, 3000)
deny := {x | some i in r; some j in r; some k in r; x := i + j + k; x < 0}""",
    "answer": 'deny := {x | some i in numbers.range(1, 200000); x := sprintf("%d", [i])}',
    "depth": """open := [x | some i in numbers.range(1, 5000); x := "["]
shut := [x | some i in numbers.range(1, 5000); x := "]"]
deny := json.unmarshal(concat("", array.concat(open, shut)))""",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_end_the_child_and_not_the_gate(pipeline: Pipeline, bomb: str) -> None:
    pipeline.run()
    rego(pipeline, HEAD + BOMBS[bomb], timeout=2)
    start = time.monotonic()
    pipeline.denied("rego", "no answer" if bomb != "answer" else "")
    assert time.monotonic() - start < 12


def test_a_regular_expression_made_to_hang(pipeline: Pipeline) -> None:
    pipeline.run()
    rego(pipeline, HEAD + f'deny := {{"hit" | regex.match("^(a+)+$", "{"a" * 60}b")}}', timeout=5)
    assert pipeline.verdict().passed  # its engine takes linear time; the answer is a true one


def test_a_bomb_beside_an_honest_policy(pipeline: Pipeline) -> None:
    """Each asks a child that is alive; the honest one is not skipped."""
    pipeline.run()
    rego(pipeline, HEAD + BOMBS["recursion"], timeout=2)
    first = pipeline.policy.splitlines()[-1]
    rego(pipeline, HEAD + "deny := set()")
    pipeline.policy += first + "\n"
    bomb = (HEAD + BOMBS["recursion"]).encode()
    pipeline.files_of_policy["bomb.rego"] = bomb
    pipeline.policy = pipeline.policy.replace(first, first.replace('"policy.rego"', '"bomb.rego"'))
    verdict = pipeline.verdict()
    assert [finding.outcome for finding in verdict.findings] == ["passed", "denied"]


HOSTILE = 'a"},"deny":[] //\x00\x1b[2J\u202e\n}'


def test_names_that_look_like_syntax(pipeline: Pipeline) -> None:
    """What strings hold stays in strings: nothing is parsed out of text."""
    pipeline.run()
    kind = "https://example.com/x/v1"
    pipeline.report(kind, {"name": HOSTILE, "n": 2**63, "same": HOSTILE + "b"})
    rego(
        pipeline,
        HEAD
        + """
said := [each.predicate | some each in input.lineage.nodes[input.subject].attestations; each.predicateType == "https://example.com/x/v1"]
deny contains "one" if said[0].n != 9223372036854775808
deny contains "two" if said[0].name == said[0].same
deny contains said[0].name if contains(said[0].name, "deny")
""",
    )
    finding = pipeline.denied("rego", "deny")
    assert not {"\x00", "\x1b", "\u202e", "\n"} & set(finding.message)
    assert len(pipeline.verdict().denials) == 1


@pytest.mark.parametrize("number", [2**200, -(2**200)])
def test_a_number_that_cannot_be_carried_exactly_denies(pipeline: Pipeline, number: int) -> None:
    pipeline.run()
    pipeline.report("https://example.com/x/v1", {"n": number})
    rego(pipeline, HEAD + "deny := set()")
    pipeline.denied("rego", "no answer")


def test_ten_megabytes_of_evidence_are_no_matter(pipeline: Pipeline) -> None:
    pipeline.run()
    rego(pipeline, HEAD + 'deny contains "x" if count(input.lineage.nodes) == 0')
    pipeline.report(
        "https://example.com/x/v1", {"rows": [{"n": number, "text": "y" * 40} for number in range(100_000)]}
    )
    pipeline.passes()


def test_a_hundred_megabytes_of_evidence(pipeline: Pipeline) -> None:
    pipeline.run()
    rego(pipeline, HEAD + "deny := set()")
    for number in range(5):
        pipeline.report(f"https://example.com/x/v{number}", {"x": "y" * 15_000_000}, who=f"scanner{number}")
    pipeline.denied("rego", "longer than")


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that should hear nothing."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"ok": true}')

        def log_message(self, *_: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_address[1]}/x", heard
    made.shutdown()
    made.server_close()


def snapshot(pipeline: Pipeline, url: str, body: Any, **more: Any) -> None:
    said = HttpSnapshot("GET", url, 200, {}, body, json.dumps(body))
    pipeline.report(SNAPSHOT, said.to_json(), who="fetcher", **more)


def test_http_send_answers_from_attested_snapshots_alone(pipeline: Pipeline, server: tuple[str, list[str]]) -> None:
    url, heard = server
    source = HEAD + f'deny contains "not ok" if http.send({{"method": "GET", "url": "{url}"}}).body.ok != true'
    options = {"snapshotsBy": ["fetcher"], "snapshotMaxAge": "1h"}
    pipeline.run()
    snapshot(pipeline, "http://other/", {"ok": True})
    rego(pipeline, source, **options)
    pipeline.denied("rego", "no attested snapshot")
    snapshot(pipeline, url, {"ok": True})
    pipeline.passes()
    pipeline.now += timedelta(seconds=1)
    snapshot(pipeline, url, {"ok": False}, at=pipeline.now)
    pipeline.denied("rego", "not ok")
    rego(pipeline, source)
    pipeline.denied("rego", "no attested snapshot")
    rego(pipeline, source, **options)
    pipeline.now += timedelta(hours=2)
    pipeline.denied("rego", "old, more than")
    assert heard == []


def test_a_snapshot_of_another_question(pipeline: Pipeline) -> None:
    """What a POST answered for a harmless package would be the answer for every package: there is no snapshot of a POST."""
    pipeline.run()
    url = "https://vulnerabilities.example/v1/query"
    said = HttpSnapshot("POST", url, 200, {}, {"vulns": []}, "{}").to_json()
    pipeline.report(SNAPSHOT, said, who="fetcher")
    asked = f'http.send({{"method": "POST", "url": "{url}", "body": {{"package": "evil"}}}})'
    source = HEAD + f'deny contains "vulnerable" if count({asked}.body.vulns) > 0'
    rego(pipeline, source, snapshotsBy=["fetcher"], snapshotMaxAge="1h")
    pipeline.denied("rego", "is none of GET, HEAD")


def test_another_time_over_the_same_lineage(pipeline: Pipeline) -> None:
    """The child keeps the document that it was handed; asked as of later, it gets that of later."""
    pipeline.run()
    rego(pipeline, HEAD + 'deny contains "late" if input.now > "2026-06-01T12:30:00Z"')
    policy, verifier = pipeline.loaded(), new_verifier(pipeline.people, now=pipeline.now)
    lineage = gather(pipeline.model.content, pipeline.store, verifier)
    now = Context(pipeline.now, pipeline.transition, None, policy.sha256, verifier.trust_root, policy.name)
    later = replace(now, now=pipeline.now + timedelta(days=1))
    said = [evaluate(policy, lineage, context)[0].outcome for context in (now, later, now)]
    assert said == ["passed", "denied", "passed"]


def test_the_clock_is_the_gates(pipeline: Pipeline) -> None:
    """A freshness rule that passed a document of 2020 once: here `now` is what the gate says, in both spellings."""
    pipeline.run()
    rego(
        pipeline,
        HEAD
        + """
deny contains "clocks differ" if time.now_ns() != time.parse_rfc3339_ns(input.now)
deny contains "it is later" if time.now_ns() >= time.parse_rfc3339_ns("2026-06-02T00:00:00Z")
deny contains "old" if time.parse_rfc3339_ns("2020-01-01T00:00:00Z") > time.now_ns() - 86400000000000
""",
    )
    pipeline.passes()
    pipeline.now += timedelta(days=1)
    pipeline.denied("rego", "it is later")


def test_arguments(pipeline: Pipeline) -> None:
    pipeline.run()
    source = (
        HEAD
        + 'deny contains sprintf("more than %d", [input.config.args.most]) if count(input.lineage.nodes) > input.config.args.most'
    )
    rego(pipeline, source, args={"most": 2})
    pipeline.passes()
    rego(pipeline, source, args={"most": 1})
    pipeline.denied("rego", "more than 1")


def test_the_child_is_confined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No surroundings, no files, no network, no children, bounded memory: what was in force is known."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    child = Child()
    try:
        pid = child._process.pid
        assert "limits" in child.confined
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        limits = Path(f"/proc/{pid}/limits").read_text()
        for name, value in (("Max address space", 1024 * 1024 * 1024), ("Max file size", 0), ("Max open files", 16)):
            row = next(row for row in limits.splitlines() if row.startswith(name))
            assert row.split()[len(name.split())] == str(value)
        status = Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        open_files = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert all(path.startswith("pipe:") or path == "/dev/null" for path in open_files), open_files
        assert "no-files" in child.confined, "this kernel has no Landlock"
        if "no-network" in child.confined:
            assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    finally:
        child.close()
    assert not child.alive
    with pytest.raises(RegoFailed):
        child.ask({"modules": [], "version": "v1", "snapshots": [], "query": "data.x", "now_ns": 0, "input": "{}"}, 1)


def test_without_limits_there_is_no_answer(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.run()
    rego(pipeline, HEAD + "deny := set()")
    monkeypatch.setattr(Child, "_receive", lambda self, deadline: {"confined": []})
    pipeline.denied("rego", "could not be confined")


def test_v0_and_v1(pipeline: Pipeline) -> None:
    pipeline.run()
    old = 'package attestflow\ndeny[msg] { input.nothing; msg := "x" }\n'
    rego(pipeline, old)
    pipeline.denied("rego", "no answer")
    rego(pipeline, old, version="v0")
    pipeline.passes()
