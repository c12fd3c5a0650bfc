"""The smallest DAG of docs/guides/airflow.md works as it is written there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from attestflow.cli import app
from attestflow.testing.airflow import run_dag

pytestmark = pytest.mark.airflow

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "airflow.md"


@pytest.fixture
def smallest() -> str:
    text = GUIDE.read_text(encoding="utf-8").partition("## The smallest DAG")[2]
    found = re.search(r"```python\n(.*?)```", text, re.S)
    assert found
    return found[1]


def test_it_is_small(smallest: str) -> None:
    assert len([line for line in smallest.splitlines() if line.strip()]) <= 20


def test_it_runs(smallest: str, settings: Any, project: Path) -> None:
    folder = project / "sales"
    folder.mkdir()
    (folder / "a.csv").write_text("1\n2\n")
    (folder / "b.csv").write_text("2\n3\n")
    file = project / "dag.py"
    file.write_text(smallest.replace("\nsales()\n", "\nsales_dag = sales()\n"))
    outcome = run_dag(runpy.run_path(str(file))["sales_dag"], {"folder": str(folder)})
    assert outcome.states == {"raw": "success", "clean": "success"}
    assert (project / "sales-clean.csv").read_text() == "1\n2\n3"
    done = CliRunner().invoke(app, ["lineage", str(project / "sales-clean.csv")], catch_exceptions=False)
    assert done.exit_code == 0
    assert "└─ sales" in done.output


def test_the_guide_names_the_fields_of_the_connection() -> None:
    from attestflow.hooks.provider import get_provider_info

    (connection,) = get_provider_info()["connection-types"]
    text = GUIDE.read_text(encoding="utf-8")
    for field in connection["conn-fields"]:
        assert f"(`{field}`)" in text
