"""`check`, `approve`, `attest report`, `lineage`, `show`, `policy`, `trust`, `doctor`, as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Run

FOR = ("--for", "models:/fraud", "--to", "production")


@pytest.fixture
def model(made: Run, project: Path) -> Run:
    (project / "model.bin").write_bytes(b"weights")
    made("attest", "model", "model.bin")
    return made


def test_check_blocks_with_every_finding(model: Run) -> None:
    answer = model("check", "model.bin", *FOR)
    assert answer.code == 10
    assert "DENIED  model.bin" in answer.out
    assert "ok    content-attested" in answer.out
    for rule in ("trained-by", "inputs-attested", "data-validated", "ml-bom", "approved"):
        assert f"DENY  {rule}" in answer.out
    assert "hint:" in answer.out
    document = model("check", "model.bin", *FOR, "--json")
    assert document.code == 10
    assert document.json["result"] == "denied"
    assert document.json["transition"] == {"registry": "demo", "model": "fraud", "to": "alias:production"}
    assert document.json["attestation"]


def test_check_without_a_transition_denies_approvals(model: Run) -> None:
    assert "none was named" in model("check", "model.bin").out


def test_check_of_a_digest_says_that_nothing_was_read(model: Run) -> None:
    digest = model("verify", "model.bin", "--json").json["digest"]
    answer = model("check", digest, *FOR)
    assert answer.code == 10
    assert "no bytes were read" in answer.out


def test_check_without_the_verifiers_key_is_not_signed(model: Run, project: Path) -> None:
    settings = project / "attestflow.toml"
    settings.write_text(settings.read_text().replace('verifier = "keys/verifier.key"\n', ""))
    model("trust", "allow", "attestflow.toml")
    assert "NOT SIGNED" in model("check", "model.bin", *FOR).out


def test_an_approval_counts_for_what_it_names(model: Run) -> None:
    assert model("approve", "model.bin", *FOR, "--yes").code == 0
    passed = model("check", "model.bin", *FOR).out
    assert "ok    approved" in passed
    for other in (
        ("--for", "models:/other", "--to", "production"),
        ("--for", "models:/fraud", "--to", "stage:Production"),
    ):
        assert "DENY  approved" in model("check", "model.bin", *other).out
    assert "DENY  approved" in model("check", "model.bin", *FOR, "--current", f"file:sha256:{'a' * 64}").out


def test_a_rejection_stands_until_the_same_person_approves(model: Run) -> None:
    model("approve", "model.bin", *FOR, "--yes")
    assert model("reject", "model.bin", *FOR, "--yes", "--reason", "drift").code == 0
    assert "owner rejected it: drift" in model("check", "model.bin", *FOR).out
    model("approve", "model.bin", *FOR, "--yes")
    assert "ok    approved" in model("check", "model.bin", *FOR).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("approve", "model.bin", *FOR),
        ("approve", "model.bin", "--for", "models:/fraud"),
        ("check", "model.bin", "--for", "models:/fraud"),
        ("check", "model.bin", "--for", "fraud", "--to", "production"),
        ("check", "model.bin", "--for", "models:/fraud/1", "--to", "production"),
        ("nonsense",),
        ("verify",),
        ("verify", "model.bin", "--nonsense"),
    ],
)
def test_usage_errors_exit_2(model: Run, arguments: tuple[str, ...]) -> None:
    assert model(*arguments).code == 2


@pytest.mark.parametrize("expires", ["0d", "soon", "7"])
def test_an_expiry_must_be_a_duration(model: Run, expires: str) -> None:
    assert model("approve", "model.bin", *FOR, "--yes", "--expires", expires).code == 1


REPORTS = {
    "https://witness.dev/attestations/sarif/v0.1": {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "scanner"}}, "results": []}],
    },
    "https://cyclonedx.org/bom": {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"type": "machine-learning-model", "name": "m"}],
    },
    "https://in-toto.io/attestation/test-result/v0.1": {
        "result": "PASSED",
        "configuration": [{"name": "suite", "digest": {"sha256": "a" * 64}}],
    },
}


@pytest.mark.parametrize("predicate_type", REPORTS)
def test_reports_are_told_by_their_own_marks(model: Run, project: Path, predicate_type: str) -> None:
    (project / "report.json").write_text(json.dumps(REPORTS[predicate_type]))
    answer = model("attest", "report", "report.json", "--about", "model.bin", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["predicateType"] == predicate_type
    shown = model("show", "model.bin", "--json").json["attestations"]
    assert [row["verified"] for row in shown if row["predicateType"] == predicate_type] == [True]


@pytest.mark.parametrize(
    "text", ["{}", "[]", "{", '{"a": 1, "a": 2}', "\x00", '{"result": "PASSED", "configuration": []}']
)
def test_reports_that_are_none(model: Run, project: Path, text: str) -> None:
    (project / "report.json").write_text(text)
    answer = model("attest", "report", "report.json", "--about", "model.bin")
    assert answer.code in {1, 4}
    assert "error:" in answer.err


def test_a_report_of_any_type_needs_a_functionary_who_may(model: Run, project: Path) -> None:
    (project / "report.json").write_text('{"clean": true}')
    answer = model("attest", "report", "report.json", "--about", "model.bin", "--type", "https://example.com/scan")
    assert answer.code == 4
    assert "may not sign" in answer.err


def test_lineage_draws_and_names_what_is_missing(model: Run) -> None:
    assert "model.bin  model  file:sha256:" in model("lineage", "model.bin").out
    document = model("lineage", "model.bin", "--json").json
    assert next(iter(document["nodes"].values()))["kind"] == "model"


def test_show_reads_one_bundle(model: Run, project: Path) -> None:
    (bundle,) = (project / "attestations").rglob("*.sigstore.json")
    assert "verified" in model("show", str(bundle)).out
    bundle.write_bytes(bundle.read_bytes()[:-9])
    assert "REJECTED" in model("show", str(bundle)).out
    (project / "other").write_text("x")
    assert model("show", "other").code == 3


def test_an_edited_policy_is_refused_until_it_is_signed_under_a_higher_version(model: Run, project: Path) -> None:
    policy = project / "policies" / "production.yaml"
    edited = policy.read_text().replace("maxAge: 30d", "maxAge: 7d")
    policy.write_text(edited)
    assert model("check", "model.bin", *FOR).code == 4
    same = model("policy", "sign")
    assert same.code == 1
    assert "version" in same.err
    policy.write_text(edited.replace("version: 1", "version: 2", 1))
    assert model("policy", "sign").code == 0
    assert model("check", "model.bin", *FOR).code == 10


def test_an_old_policy_does_not_come_back(model: Run, project: Path) -> None:
    """Somebody puts the first policy and its true signature back."""
    policy = project / "policies" / "production.yaml"
    signature = policy.with_name("production.yaml.sigstore.json")
    old = policy.read_bytes(), signature.read_bytes()
    model("check", "model.bin", *FOR)
    policy.write_text(policy.read_text().replace("version: 1", "version: 2", 1))
    model("policy", "sign")
    assert model("check", "model.bin", *FOR).code == 10
    policy.write_bytes(old[0])
    signature.write_bytes(old[1])
    answer = model("check", "model.bin", *FOR)
    assert answer.code == 1
    assert "went back" in answer.err


def test_an_edited_trust_root_is_refused_until_it_is_signed(model: Run, project: Path) -> None:
    root = project / "trust-root.yaml"
    root.write_text(root.read_text().replace("version: 1", "version: 2", 1) + "# edited\n")
    assert model("verify", "model.bin").code == 4
    assert model("trust", "sign").code == 0
    assert model("verify", "model.bin").code == 0
    assert "version 2" in model("trust", "show").out


def test_another_key_cannot_sign_the_policy(model: Run, project: Path) -> None:
    settings = project / "attestflow.toml"
    settings.write_text(settings.read_text().replace('root = "keys/root.key"', 'root = "keys/pipeline.key"'))
    model("trust", "allow", "attestflow.toml")
    assert model("policy", "sign").code == 0
    assert model("check", "model.bin", *FOR).code == 4


def test_doctor_says_what_is_wrong(made: Run, project: Path) -> None:
    (project / "attestations").rename(project / "away")
    answer = made("doctor")
    assert answer.code == 1
    assert "FAIL  store" in answer.out
    assert "hint:" in answer.out
    (project / "attestflow.toml").write_text("stroe = 1")
    broken = made("doctor", "--json")
    assert broken.code == 1
    assert broken.json["ok"] is False


@pytest.mark.parametrize("file", ["attestflow.toml", "trust-root.yaml", "policies/production.yaml"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"a: &x [*x]", b"{" * 90_000])
def test_broken_files_never_pass_and_never_trace(model: Run, project: Path, file: str, content: bytes) -> None:
    (project / file).write_bytes(content)
    for arguments in (("verify", "model.bin"), ("check", "model.bin", *FOR), ("policy", "lint")):
        answer = model(*arguments)
        if file == "policies/production.yaml" and arguments[0] == "verify":
            continue
        if file == "trust-root.yaml" and arguments[0] == "policy":
            continue
        assert answer.code in {1, 4}, (arguments, answer)
        assert "error:" in answer.err


def test_errors_are_json_for_programs(project: Path, run: Run) -> None:
    answer = run("verify", "nowhere", "--json")
    assert answer.code == 1
    assert answer.json["error"]["type"] == "ConfigurationError"
    assert answer.json["error"]["hint"]


@pytest.mark.parametrize("code", ["import attestflow", "from attestflow.cli import app; app(['--help'])"])
def test_starting_loads_nothing_heavy(code: str) -> None:
    heavy = {"cryptography", "rich", "yaml", "fsspec", "mlflow", "airflow", "cyclonedx", "pandas", "great_expectations"}
    script = f"import atexit, sys\natexit.register(lambda: print(sorted({heavy!r} & set(sys.modules))))\n{code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.endswith("[]\n"), done.stdout[-200:]
