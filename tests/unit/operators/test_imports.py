"""What a DAG file pays for importing our operators, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODULES = ("attest_dataset", "attest_task", "promotion_gate", "register_model", "validate_dataset")
HEAVY = {
    *("mlflow", "kfp", "great_expectations", "pandas", "numpy", "sklearn", "sigstore", "cyclonedx"),
    *("cryptography", "blake3", "yaml", "rich", "fsspec"),
}
BUDGET = 0.05  # seconds of CPU

# Airflow itself loads cryptography, and every DAG with @task loads the standard provider: both are in the baseline.
# Each module is imported in a fork, so that none pays for another.
SCRIPT = """
import importlib, json, os, sys, time
import airflow.sdk
from airflow.sdk import BaseHook, BaseOperator
from airflow.providers.standard.operators.python import PythonOperator
before = set(sys.modules)
for name in sys.argv[1:]:
    if os.fork() == 0:
        start = time.process_time()
        importlib.import_module("attestflow.operators." + name)
        cost = time.process_time() - start
        new = sorted({each.partition(".")[0] for each in set(sys.modules) - before})
        print(json.dumps({"module": name, "cost": cost, "new": new}), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.airflow
def test_importing_an_operator_is_cheap() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *MODULES], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [each["module"] for each in found] == list(MODULES)
    for each in found:
        assert not set(each["new"]) & HEAVY, each
        assert each["cost"] < BUDGET, each
