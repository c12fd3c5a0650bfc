"""The guards of the layout: links, banned imports, and how many files the checkers really saw."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from grimp import build_graph

ROOT = Path(__file__).parents[2]
FOLDERS = ("mlbom", "operators", "hooks", "integrations")


def sources() -> set[Path]:
    folders = ("attestflow", *FOLDERS)
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return {path.resolve() for path in found}


def test_the_links_lead_to_the_folders() -> None:
    for folder in FOLDERS:
        assert (ROOT / "attestflow" / folder).resolve() == ROOT / folder


def test_bare_imports_of_the_folders_are_banned() -> None:
    bad = "import operators\nimport mlbom\nfrom hooks import provider\nimport integrations.mlflow\n"
    named = ["--stdin-filename", str(ROOT / "attestflow" / "bad.py"), "-"]  # nothing is put where others may be looking
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "TID251", *named],
        input=bad,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("TID251") >= 4, done.stdout


def test_mypy_sees_every_file() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy", "-p", "attestflow"], cwd=ROOT, capture_output=True, text=True)
    count = re.search(r"in (\d+) source files|\(checked (\d+) source files\)", done.stdout)
    assert count, done.stdout
    assert int(count[1] or count[2]) >= len(sources())


def test_import_linter_sees_every_file() -> None:
    graph = build_graph("attestflow", cache_dir=None)
    assert len([module for module in graph.modules if module.startswith("attestflow")]) >= len(sources())


def test_no_commit_names_a_registry_or_a_machine_path() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    # Put together here, so that this file does not hold what it looks for.
    hosts = (
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "registry.npmjs" + ".org",
        "proxy.golang" + ".org",
        "/ro" + "ot/",
        "/wo" + "rk/",
    )
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and not path.is_symlink():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [host for host in hosts if host in text], name
