"""Every `console` block of the README and the docs is run, in order, in an empty folder of its document.

A `yaml`, `toml` or `rego` block whose first line is a comment with a file's name is that file. A line `$ command` must exit 0,
or with what a trailing comment `# exit N` says. Lines below it are what it prints: each must stand in the output, where `…`
stands for anything. `make …` and `git clone …` lines are what CI runs itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Their snippets start servers or Airflow; the named test runs them in the right order.
ELSEWHERE = {"docs/guides/airflow.md": "tests/integration/airflow", "docs/guides/mlflow.md": "tests/integration/mlflow"}
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(console|yaml|toml|rego)\n(.*?)^```", re.M | re.S)
FILE = re.compile(r"# ([\w./-]+\.(?:yaml|toml|rego))\n")


def commands(text: str) -> list[tuple[str, int, list[str]]]:
    """(command, exit code, lines that it prints) of each `$` line; a file is the command that writes it."""
    found: list[tuple[str, int, list[str]]] = []
    for language, block in BLOCK.findall(text):
        named = FILE.match(block)
        if language != "console":
            if named:
                found.append(
                    (f"mkdir -p {Path(named[1]).parent}; cat > {named[1]} <<'END_OF_FILE'\n{block}END_OF_FILE", 0, [])
                )
            continue
        for row in block.splitlines():
            if row.startswith("$ "):
                code = re.search(r"\s+# exit (\d+)$", row)
                found.append((row[2:], int(code[1]) if code else 0, []))
            elif row.strip() and found:
                found[-1][2].append(row.strip())
    return found


def matches(expected: str, output: str) -> bool:
    pattern = ".*".join(re.escape(part.strip()) for part in re.split("…", expected))
    return re.search(pattern.replace(r"\ ", r"\s+"), output) is not None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_snippets_run(name: str, tmp_path: Path) -> None:
    if name in ELSEWHERE:
        assert (ROOT / ELSEWHERE[name]).exists()
        return
    scripts = str(Path(sys.executable).parent)
    environ = {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "ATTESTFLOW_HOME": str(tmp_path / "home" / "attestflow"),
        "LC_ALL": "C.UTF-8",
    }
    work = tmp_path / "work"
    work.mkdir()
    for command, code, expected in commands((ROOT / name).read_text(encoding="utf-8")):
        if command.startswith(("make ", "git clone ", "pip install ")):
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=work, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, f"$ {command}\n{output}"
        for row in expected:
            assert matches(row, output), f"$ {command}\nexpected: {row}\n{output}"
