"""`attest` and `verify`: these bytes, or which file changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from .conftest import Run


def test_attested_bytes_verify(made: Run) -> None:
    attested = made("attest", "dataset", "data", "--json")
    assert attested.code == 0, attested.err
    assert attested.json["digest"].startswith("tree:sha256:")
    for flags in ((), ("--sha256",)):
        verified = made("verify", "data", *flags, "--json")
        assert verified.code == 0, verified.err
        assert verified.json["verified"] is True
        assert verified.json["attestations"][0]["functionary"] == "pipeline"


def test_the_printed_digest_is_what_coreutils_computes(made: Run, project: Path) -> None:
    for name in (".hidden", "with space", "accent é", "deep/er/file"):
        path = project / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    command = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", command], cwd=project / "data", capture_output=True, text=True, check=True)
    assert made("attest", "dataset", "data", "--json").json["digest"] == f"tree:sha256:{done.stdout.split()[0]}"


def test_a_changed_file_is_named_with_both_digests(made: Run, project: Path) -> None:
    made("attest", "dataset", "data")
    old = hashlib.sha256((project / "data/train.csv").read_bytes()).hexdigest()
    (project / "data/train.csv").write_text("x,y\n1,1\n2,1\n")
    new = hashlib.sha256((project / "data/train.csv").read_bytes()).hexdigest()
    answer = made("verify", "data")
    assert answer.code == 3
    assert "train.csv" in answer.out
    assert old[:12] in answer.out
    assert new[:12] in answer.out
    document = made("verify", "data", "--json")
    assert document.code == 3
    assert document.json["changed"] == [{"file": "train.csv", "attested": old, "found": new}]


def test_an_added_and_a_removed_file_are_named(made: Run, project: Path) -> None:
    made("attest", "dataset", "data")
    (project / "data/.schema").rename(project / "data/schema")
    answer = made("verify", "data")
    assert answer.code == 3
    assert "added" in answer.out
    assert "removed" in answer.out


def test_unknown_bytes_exit_3(made: Run, project: Path) -> None:
    (project / "other").write_text("never seen")
    answer = made("verify", "other")
    assert answer.code == 3
    assert "hint:" in answer.out + answer.err


def test_a_file_is_not_its_tree(made: Run, project: Path) -> None:
    """A file whose bytes are the tree's listing has the tree's sha256: it must not verify as the tree."""
    made("attest", "dataset", "data")
    command = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum"
    listing = subprocess.run(["bash", "-c", command], cwd=project / "data", capture_output=True, check=True).stdout
    (project / "listing").write_bytes(listing)
    assert made("verify", "listing").code == 3


def test_evidence_that_does_not_hold_exits_4(made: Run, project: Path) -> None:
    made("attest", "dataset", "data")
    for path in (project / "attestations").rglob("*.sigstore.json"):
        bundle = json.loads(path.read_text())
        signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = ("B" if signature[20] == "A" else "A").join(
            (signature[:20], signature[21:])
        )
        path.write_text(json.dumps(bundle))
    answer = made("verify", "data")
    assert answer.code == 4, answer.out


def test_a_part_is_attested_as_a_part(made: Run, project: Path) -> None:
    attested = made("attest", "dataset", "data", "--include", "*.csv")
    assert "PARTIAL" in attested.out
    assert made("verify", "data").code == 3
    assert made("verify", "data", "--include", "*.csv").code == 0
    (project / "data/.schema").write_text("changed")
    assert made("verify", "data", "--include", "*.csv").code == 0


def test_a_symlink_is_refused_and_nothing_attested(made: Run, project: Path) -> None:
    (project / "data/link").symlink_to("/etc/passwd")
    answer = made("attest", "dataset", "data")
    assert answer.code == 1
    assert "link" in answer.err
    assert not list((project / "attestations").rglob("*.sigstore.json"))


@pytest.mark.parametrize("target", ["nowhere", "file:sha256:xyz", "tree:sha256:" + "A" * 64, "file:md5:" + "a" * 32])
def test_unusable_targets_are_errors(made: Run, target: str) -> None:
    assert made("verify", target).code == 1
    assert made("check", target).code in {1}


def test_a_digest_is_not_bytes(made: Run) -> None:
    digest = made("attest", "dataset", "data", "--json").json["digest"]
    answer = made("verify", digest)
    assert answer.code == 0
    assert "no bytes were read" in answer.out
    assert made("attest", "dataset", digest).code == 2


def test_oms_is_written_and_accepted_without_a_store(made: Run, project: Path) -> None:
    (project / "model").mkdir()
    (project / "model/weights").write_bytes(b"\0" * 100)
    made("attest", "model", "model", "--oms", "model.sig")
    verify = ("verify", "model", "--signature", "model.sig", "--public-key", "keys/pipeline.key.pub")
    assert made(*verify).code == 0
    (project / "model/weights").write_bytes(b"\1" * 100)
    assert made(*verify).code == 4
    (project / "model/weights").write_bytes(b"\0" * 100)
    (project / "model/.git").mkdir()
    (project / "model/.git/evil").write_text("not listed")
    assert made(*verify).code == 4
    assert made("verify", "model", "--signature", "model.sig").code == 2


def test_another_key_is_refused(made: Run, project: Path) -> None:
    made("attest", "model", "data", "--oms", "m.sig")
    assert made("verify", "data", "--signature", "m.sig", "--public-key", "keys/owner.key.pub").code == 4


def test_settings_that_were_found_name_no_trust_root(made: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody plants settings, keys and trust root beside the model: they count for nothing on another account."""
    made("attest", "dataset", "data")
    monkeypatch.setenv("ATTESTFLOW_HOME", str(project / "another-account"))
    planted = made("verify", "data")
    assert planted.code == 1
    assert "not accepted" in planted.err
    assert made("trust", "allow", "attestflow.toml").code == 0
    assert made("verify", "data").code == 0
    (project / "attestflow.toml").write_text((project / "attestflow.toml").read_text() + "\n")
    assert made("verify", "data").code == 1
