"""What owners and those on call use: approve, reject, revoke, break-glass, diff, replay, impact, watch, report, policy."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from .conftest import Run

FOR = ("--for", "models:/fraud", "--to", "production")
RULES = """rules:
  - {rule: content-attested, by: [pipeline]}
  - {rule: serialization-formats, allow: ['*.bin']}
  - {rule: approved, by: [owner]}
"""


def policy(run: Run, project: Path, version: int, extra: str = "", rules: str = RULES) -> None:
    """A policy of three rules in force, with more if given."""
    path = project / "policies" / "production.yaml"
    text = path.read_text()
    head = text[: text.index("rules:")]
    for old in range(1, version + 1):
        head = head.replace(f"version: {old}\n", f"version: {version}\n")
    head = head.partition("breakGlass:")[0].partition("exceptions:")[0]
    path.write_text(head + extra + rules)
    assert run("policy", "sign").code == 0


@pytest.fixture
def model(made: Run, project: Path) -> Run:
    (project / "model.bin").write_bytes(b"weights")
    made("attest", "model", "model.bin")
    policy(made, project, 2)
    return made


def test_approve_reject_revoke(model: Run) -> None:
    answer = model("approve", "model.bin", *FOR, "--yes", "--reason", "looks good")
    assert answer.code == 0
    for words in ("What the gate would find", "Nothing is in production", "What owner signs", "looks good"):
        assert words in answer.out
    assert model("check", "model.bin", *FOR).code == 0
    assert model("revoke", "model.bin", *FOR, "--yes").code == 0
    assert "it was revoked" in model("check", "model.bin", *FOR).out
    again = model("revoke", "model.bin", "--for", "models:/other", "--to", "production", "--yes")
    assert again.code == 1
    assert "has approved nothing here" in again.err
    time.sleep(1.1)  # a second approval in one second would be the first one
    assert model("approve", "model.bin", *FOR, "--yes").code == 0
    assert model("reject", "model.bin", *FOR, "--yes", "--reason", "label leak").code == 0
    assert "owner rejected it: label leak" in model("check", "model.bin", *FOR).out
    assert model("reject", "model.bin", *FOR, "--yes").code == 2  # a rejection without a reason helps nobody


def test_a_role_that_the_trust_root_does_not_know(model: Run) -> None:
    answer = model("approve", "model.bin", *FOR, "--yes", "--role", "root")
    assert answer.code == 1
    assert "knows nobody with the key" in answer.err
    assert "no key is named" in model("approve", "model.bin", *FOR, "--yes", "--role", "nobody").err


def test_a_key_without_its_public_half_beside_it(model: Run, project: Path) -> None:
    (project / "keys" / "owner.key.pub").unlink()
    assert "approved by owner" in model("approve", "model.bin", *FOR, "--yes").out


def test_what_differs_is_shown_before_it_is_signed(model: Run, project: Path) -> None:
    old = model("verify", "model.bin", "--json").json["digest"]
    (project / "model.bin").write_bytes(b"other weights")
    model("attest", "model", "model.bin")
    answer = model("approve", "model.bin", *FOR, "--yes", "--current", old)
    assert "What differs from what is in production now" in answer.out
    assert model("diff", "model.bin", "--against", old).code == 0
    assert model("diff", "model.bin", *FOR, "--current", old, "--json").json["against"] == old
    assert model("diff", "model.bin").code == 2
    assert model("diff", "model.bin", *FOR, "--current", "none").code == 2


GLASS = "breakGlass: {by: [owner], maxLifetime: 4h, never: [content-attested]}\n"
REASON = ("--reason", "incident 7, Ann agreed")


def test_break_glass(model: Run, project: Path) -> None:
    refused = model("break-glass", "model.bin", *FOR, "--yes", *REASON)
    assert refused.code == 1
    assert "has no breakGlass" in refused.err
    policy(model, project, 3, GLASS)
    assert model("break-glass", "model.bin", *FOR, "--yes", *REASON, "--expires", "5h").code == 1
    assert model("break-glass", "model.bin", *FOR, "--yes", *REASON, "--rule", "content-attested").code == 1
    assert model("break-glass", "model.bin", *FOR, "--yes", *REASON, "--role", "pipeline").code == 1
    answer = model("break-glass", "model.bin", *FOR, "--yes", *REASON, "--json")
    assert answer.code == 0
    assert answer.json["rules"] == ["approved"]
    checked = model("check", "model.bin", *FOR)
    assert checked.code == 0
    assert "PASSED BY EXCEPTION" in checked.out
    assert "WAIVED by owner" in checked.out
    model("approve", "model.bin", *FOR, "--yes")
    nothing = model("break-glass", "model.bin", *FOR, "--yes", *REASON)
    assert nothing.code in (0, 1)


def test_reports_beside_a_check(model: Run, project: Path) -> None:
    files = [f"verdict{ending}" for ending in (".json", ".sarif", ".md", ".html")]
    answer = model("check", "model.bin", *FOR, *(part for name in files for part in ("--report", name)))
    assert answer.code == 10
    assert json.loads((project / "verdict.json").read_text())["result"] == "denied"
    assert json.loads((project / "verdict.sarif").read_text())["version"] == "2.1.0"
    assert "Denied" in (project / "verdict.md").read_text()
    assert "<!doctype html>" in (project / "verdict.html").read_text()
    assert model("check", "model.bin", *FOR, "--report", "verdict.pdf").code == 2
    model("approve", "model.bin", *FOR, "--yes")
    (project / "folder.html").mkdir()
    assert model("check", "model.bin", *FOR, "--report", "nowhere/x.html").code == 0
    assert model("check", "model.bin", *FOR, "--report", "/proc/x.html").code == 1


def test_replay(model: Run, project: Path) -> None:
    identity = model("check", "model.bin", *FOR, "--json").json["attestation"]
    for what in (identity, "model.bin"):
        answer = model("replay", what)
        assert answer.code == 0
        assert "the same, bit for bit: FAILED" in answer.out
    policy(model, project, 3)
    assert model("replay", identity, "--json").json["same"] is True
    (document,) = [
        path
        for path in (project / "attestations" / "documents").rglob("*")
        if path.is_file() and b"version: 2" in path.read_bytes() and b"rules" in path.read_bytes()
    ]
    document.unlink()
    broken = model("replay", identity)
    assert broken.code == 4
    assert "is not in the store" in broken.out
    assert model("replay", "f" * 64).code == 1
    assert model("replay", f"file:sha256:{'f' * 64}").code == 1


def test_impact(model: Run) -> None:
    model("approve", "model.bin", *FOR, "--yes")
    assert model("check", "model.bin", *FOR).code == 0
    answer = model("impact", "functionary:pipeline", "--json")
    assert answer.code == 0
    (row,) = answer.json["affected"]
    assert row["name"] == "model.bin"
    assert row["production"][0]["to"] == "alias:production"
    assert "IN PRODUCTION" in model("impact", "functionary:pipeline").out
    assert model("impact", "functionary:nobody").code == 1
    assert model("impact", "key:sha256:short").code == 1
    assert model("impact", f"key:sha256:{'0' * 64}", "--json").json["affected"] == []
    assert model("impact", "pkg:pypi/torch", "--rebuild").code == 0


def test_watch_reports_what_would_no_longer_pass(model: Run, project: Path) -> None:
    model("approve", "model.bin", *FOR, "--yes")
    assert model("check", "model.bin", *FOR).code == 0
    good = model("watch", "--once")
    assert good.code == 0
    assert "1 in production by record, 1 would pass again" in good.out
    policy(model, project, 3, rules=RULES.replace("'*.bin'", "'*.safetensors'"))
    failing = model("watch", "--once", "--report", "watch.sarif")
    assert failing.code == 10
    assert "FAILS" in failing.out
    assert "serialization-formats" in failing.out
    assert json.loads((project / "watch.sarif").read_text())["runs"][0]["results"]
    assert model("watch", "--once", "--report", "watch.html").code == 2
    policy(model, project, 4)
    assert model("watch", "--once").code == 0  # approvals under another policy are spent, and were for getting there
    model("revoke", "model.bin", *FOR, "--yes")
    revoked = model("watch", "--once", "--json")
    assert revoked.code == 10
    assert "it was revoked" in revoked.json["watched"][0]["findings"][0]["message"]


def test_watch_looks_ahead(model: Run, project: Path) -> None:
    """An exception runs out next summer: what it lets in will not pass then, and nobody need wait for it to be told."""
    until = '"2027-06-01T00:00:00Z", reason: as agreed on Monday'
    exception = f"exceptions: [{{rule: serialization-formats, models: [fraud], expires: {until}}}]\n"
    policy(model, project, 3, exception, RULES.replace("'*.bin'", "'*.safetensors'"))
    model("approve", "model.bin", *FOR, "--yes")
    assert model("check", "model.bin", *FOR).code == 0
    assert "would pass again" in model("watch", "--once", "--ahead", "1d").out
    far = model("watch", "--once", "--ahead", "300d")
    assert far.code == 0
    assert "WILL-FAIL" in far.out
    assert "serialization-formats" in far.out


def test_a_report_on_a_framework(model: Run) -> None:
    answer = model("report", "model.bin", "--framework", "atlas", "--json")
    assert answer.code == 0
    rows = {row["id"]: row for row in answer.json["reports"][0]["rows"]}
    assert rows["AML.M0013"]["rules"]["content-attested"] == "passed"
    model("approve", "model.bin", *FOR, "--yes")
    model("check", "model.bin", *FOR)
    assert "as alias:production of models:/fraud" in model("report", "--all", "--framework", "eu-ai-act").out
    assert model("report", "--framework", "atlas").code == 2
    assert model("report", "model.bin", "--framework", "iso-9001").code == 1


def test_policy_commands(model: Run, project: Path) -> None:
    assert "approved" in model("policy", "explain").out
    assert "# fresh" in model("policy", "explain", "fresh").out
    assert model("policy", "explain", "approved", "--json").json["severity"] == "high"
    assert model("policy", "explain", "nonsense").code == 1
    assert model("policy", "schema").json["title"] == "attestflow policy"
    tests = project / "policies" / "production.test.yaml"
    head = "apiVersion: attestflow.dev/policy-test/v1\npolicy: production.yaml\n"
    tests.write_text(head + "cases:\n  - {name: fine, model: {files: [a.bin]}, expect: passed}\n")
    assert model("policy", "test", str(tests)).code == 0
    assert model("policy", "test", str(tests), "--all-rules").code == 1
    tests.write_text(head + "cases:\n  - {name: fine, expect: passed}\n")
    failed = model("policy", "test", str(tests))
    assert failed.code == 1
    assert "FAIL  fine: it was denied (serialization-formats" in failed.out
    assert model("policy", "test", str(tests), "--json").json["cases"][0]["asExpected"] is False


def test_lineage_as_mermaid(model: Run) -> None:
    assert model("lineage", "model.bin", "--format", "mermaid").out.startswith("flowchart BT")
    assert model("lineage", "model.bin", "--format", "json").json["subject"]
