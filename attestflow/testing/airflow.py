"""An Airflow of one's own for tests and demos: a home with a fresh database, DAG runs in this very process."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError


def use_airflow_home(home: Path, *, dags: Path) -> None:
    """Point this process's Airflow to `home` and the DAG folder `dags`. Call it before anything imports airflow.

    Airflow reads these once, on import: a later call for another home raises ConfigurationError.
    """
    wanted = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    if "airflow" in sys.modules and os.environ.get("AIRFLOW_HOME") != str(home):
        raise ConfigurationError(
            f"airflow was imported before its home was set to {shown(home)}", hint="set the home first"
        )
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(wanted)


@cache
def use_temporary_airflow_home() -> Path:
    """One throw-away home for this process, with an empty DAG folder; the same at every call."""
    home = Path(tempfile.mkdtemp(prefix="attestflow-airflow-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    dags = home / "dags"
    dags.mkdir()
    use_airflow_home(home, dags=dags)
    return home


def create_database() -> None:
    """Make the tables of the metadata database, if they are not there yet (2 s; SQLite)."""
    from airflow.utils import db

    home = Path(os.environ["AIRFLOW_HOME"])
    if not (home / "airflow.db").exists():
        db.initdb()


@dataclass(frozen=True, slots=True)
class DagOutcome:
    """What came of one run: `state` of the whole, `states` by task id (`task[2]` for the third of a mapped task)."""

    run_id: str
    state: str
    states: Mapping[str, str]

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """What a task pushed; None for nothing."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            query = XComModel.get_many(run_id=self.run_id, task_ids=task_id, key=key).with_only_columns(XComModel.value)
            value = session.execute(query).scalars().first()
        return None if value is None else XComModel.deserialize_value(_Stored(value))


@dataclass(frozen=True, slots=True)
class _Stored:
    value: Any


def run_dag(dag: Any, params: Mapping[str, Any] | None = None) -> DagOutcome:
    """Run a DAG with `dag.test()` in this process; it need not lie in the DAG folder."""
    create_database()
    _serialize(dag)
    run = dag.test(logical_date=None, run_conf=dict(params or {}))
    states = {
        each.task_id if each.map_index < 0 else f"{each.task_id}[{each.map_index}]": str(each.state)
        for each in run.get_task_instances()
    }
    return DagOutcome(run.run_id, str(run.state), states)


def _serialize(dag: Any) -> None:
    """Write the DAG to the database, as the DAG processor does for files of the DAG folder."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
