"""Attest and verify, beside model_signing (OMS) and openssl, on the same data in one run.

python benchmarks/hashing.py [--size-gib 1] [--files 100000] [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from timing import Run, once, paired, row

BIN = Path(sys.executable).parent
OURS = str(BIN / "attestflow")
OMS = str(BIN / "model_signing")

ATTEST_API = """
import sys
from pathlib import Path
from attestflow.settings import Settings
from attestflow.subject import measure
settings = Settings.load()
settings.attester("pipeline").attest_content(measure(sys.argv[1]), kind="model")
"""
VERIFY_API = """
import sys
from attestflow.settings import Settings
from attestflow.subject import measure_quickly
from attestflow.verify import verify_quickly
settings = Settings.load()
assert verify_quickly(measure_quickly(sys.argv[1]), settings.open_store(), settings.verifier()).accepted
"""
OMS_SIGN_API = """
import sys
from pathlib import Path
import model_signing
model_signing.signing.Config().use_elliptic_key_signer(private_key=Path("oms.key")).sign(Path(sys.argv[1]), Path("oms.sig"))
"""
OMS_VERIFY_API = """
import sys
from pathlib import Path
import model_signing
model_signing.verifying.Config().use_elliptic_key_verifier(public_key=Path("oms.pub")).verify(Path(sys.argv[1]), Path("oms.sig"))
"""


def big(folder: Path, files: int, gib: float) -> Path:
    """`files` files of `gib` GiB of bytes that do not repeat, in the page cache."""
    folder.mkdir()
    block = os.urandom(1 << 20)
    for number in range(files):
        with (folder / f"shard-{number}").open("wb") as out:
            for at in range(int(gib * 1024)):
                shift = (at * 7919 + number) % len(block)
                out.write(block[shift:] + block[:shift])
    for path in folder.iterdir():
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    return folder


def many(folder: Path, count: int) -> Path:
    """`count` files of 35 kB at most, 1,000 a folder."""
    block = os.urandom(35_000)
    for number in range(count):
        path = folder / f"{number // 1000:04}" / f"file-{number % 1000:03}.bin"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(block[number % 17_000 :])
    return folder


def compare(title: str, target: Path, work: Path, runs: int, goals: tuple[str, str]) -> None:
    environ = {"ATTESTFLOW_HOME": str(work / "home")}
    key = ["--signature", "oms.sig"]
    pairs: list[tuple[str, list[str], list[str], str]] = [
        (
            "attest, CLI",
            [OURS, "attest", "model", str(target)],
            [OMS, "sign", "key", str(target), *key, "--private_key", "oms.key"],
            goals[0],
        ),
        (
            "verify, CLI",
            [OURS, "verify", str(target)],
            [OMS, "verify", "key", str(target), *key, "--public_key", "oms.pub"],
            goals[1],
        ),
        (
            "attest, API",
            [sys.executable, "-c", ATTEST_API, str(target)],
            [sys.executable, "-c", OMS_SIGN_API, str(target)],
            goals[0],
        ),
        (
            "verify, API",
            [sys.executable, "-c", VERIFY_API, str(target)],
            [sys.executable, "-c", OMS_VERIFY_API, str(target)],
            goals[1],
        ),
    ]
    for name, ours, theirs, goal in pairs:
        found = paired({"ours": ours, "theirs": theirs}, work, environ, runs)
        row(f"{title}: {name}", found["ours"], found["theirs"], goal)
    files = sorted(str(path) for path in target.iterdir() if path.is_file())
    if files:
        openssl = ["bash", "-c", 'printf "%s\\0" "$@" | xargs -0 -n1 -P2 openssl dgst -sha256', "openssl", *files]
        found = paired({"ours": pairs[0][1], "theirs": openssl}, work, environ, runs)
        row(f"{title}: attest by openssl dgst -P2", found["ours"], found["theirs"], "")


def prepare(work: Path) -> None:
    once([OURS, "init", "."], work, {"ATTESTFLOW_HOME": str(work / "home")})
    once(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "oms.key"], work, {})
    once(["openssl", "ec", "-in", "oms.key", "-pubout", "-out", "oms.pub"], work, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-gib", type=float, default=1.0)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("four", "one", "many"), help="one part of the table")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="attestflow-bench-"))
    try:
        prepare(work)
        print(f"{'':34} {'ours':>10} {'theirs':>10} {'ratio':>8}  {'goal':10} {'ours':>10} {'theirs':>10}")
        size = options.size_gib
        if options.only in (None, "four"):
            compare(f"4 x {size:g} GiB", big(work / "four", 4, size), work, options.runs, (">= 1.1x", ">= 3x"))
            shutil.rmtree(work / "four")
        if options.only in (None, "one"):
            compare(f"1 x {4 * size:g} GiB", big(work / "one", 1, 4 * size), work, options.runs, (">= 1.2x", ">= 4.5x"))
            shutil.rmtree(work / "one")
        if options.only in (None, "many"):
            small_files(work, options.files, options.runs)
        start(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def small_files(work: Path, count: int, runs: int) -> None:
    tenth, whole = many(work / "tenth", count // 10), many(work / "many", count)
    compare(f"{count:,} files", whole, work, runs, (">= 5x", ">= 6x"))
    environ = {"ATTESTFLOW_HOME": str(work / "home")}
    for what in (["attest", "model"], ["verify"]):
        for target in (tenth, whole):
            once([OURS, "attest", "model", str(target)], work, environ)
        found = paired({"10x": [OURS, *what, str(whole)], "1x": [OURS, *what, str(tenth)]}, work, environ, runs)
        print(f"10x the files, {what[0]}: {found['10x'].cpu / found['1x'].cpu:.1f}x the CPU (goal: at most 11x)")


def start(work: Path) -> None:
    commands = {
        "nothing": [sys.executable, "-c", "pass"],
        "import attestflow": [sys.executable, "-c", "import attestflow"],
        "attestflow --help": [OURS, "--help"],
    }
    found: dict[str, Run] = paired(commands, work, {}, 5)
    for name, goal in (("import attestflow", "0.1"), ("attestflow --help", "0.3")):
        print(
            f"{name}: {found[name].cpu:.3f} s of CPU, python alone {found['nothing'].cpu:.3f} s (goal: at most {goal} s)"
        )


if __name__ == "__main__":
    main()
