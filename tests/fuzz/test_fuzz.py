"""Each fuzzer for ten seconds from a seed corpus; for longer: `python tests/fuzz/fuzz_x.py CORPUS -max_total_time=600`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from attestflow.bundle import Bundle
from attestflow.digest import Listing
from attestflow.predicates import approval, oms, provenance, reference, test_result, vsa
from attestflow.statement import Statement
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import Person, new_signer, trust_root_yaml

SECONDS = 10
HEX, TIME = "0a" * 32, "2026-01-01T00:00:00Z"
SUBJECT = ResourceDescriptor(name="m", digest={"sha256": HEX}, annotations={"kind": "model"})
PREDICATES = {
    reference.PREDICATE_TYPE: reference.Reference((SUBJECT,)).to_json(),
    provenance.PREDICATE_TYPE: provenance.Provenance("https://b", {"x": 1}, "https://x", inputs=(SUBJECT,)).to_json(),
    test_result.PREDICATE_TYPE: test_result.TestResult("PASSED", (SUBJECT,), None, ("a",)).to_json(),
    approval.PREDICATE_TYPE: approval.Approval("approved", "r", "m", "alias:p", None, HEX, HEX, TIME).to_json(),
    vsa.PREDICATE_TYPE: vsa.Vsa("https://v", TIME, "m", "p", HEX, (HEX,), "PASSED", ("X",)).to_json(),
    "https://example.org/v1": {},
}
SCOPES = [kind for kind in PREDICATES if kind != vsa.PREDICATE_TYPE]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Seeds in `corpus`, and in `setup` the trust root, key and payloads that its bundles were signed with."""
    folder, setup = tmp_path / "corpus", tmp_path / "setup"
    folder.mkdir()
    setup.mkdir()
    signer = new_signer()
    (setup / "trust-root.yaml").write_bytes(trust_root_yaml({"someone": Person([signer], SCOPES)}))
    (setup / "k.pub").write_bytes(signer.public_key_pem())
    statements = [Statement.build([SUBJECT], kind, predicate) for kind, predicate in PREDICATES.items()]
    statements.append(oms.build(Listing.of([(HEX, "a/b"), (HEX, "c")]), "m"))
    for index, statement in enumerate(statements):
        bundle = signer.sign(statement)
        (setup / f"{index}.payload").write_bytes(statement.payload)
        (folder / f"{index}.statement").write_bytes(statement.payload)
        (folder / f"{index}.bundle").write_bytes(bundle.raw)
    (folder / "stranger").write_bytes(Bundle.build(new_signer().sign(statements[0]).envelope, str(bundle.key_hint)).raw)
    (folder / "root").write_bytes((setup / "trust-root.yaml").read_bytes())
    return folder


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", ["fuzz_bundle", "fuzz_statement", "fuzz_documents"])
def test_only_documented_exceptions_escape(name: str, corpus: Path) -> None:
    limits = [f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=8192"]
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), str(corpus), *limits]
    run = subprocess.run(command, cwd=corpus.parent, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done " in run.stderr, "the fuzzer did not say how many inputs it tried"
