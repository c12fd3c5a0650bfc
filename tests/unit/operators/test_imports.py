"""What a DAG file pays for importing our operators, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODULES = ("attest_dataset", "attest_task", "promotion_gate", "register_model", "validate_dataset")
HEAVY = ("mlflow", "kfp", "great_expectations", "pandas", "sklearn", "sigstore", "cyclonedx", "blake3", "yaml", "rich")

# Airflow itself loads cryptography, and every DAG with @task loads the standard provider: both are in the baseline.
SCRIPT = """
import importlib, json, sys, time
import airflow.sdk
from airflow.sdk import BaseHook, BaseOperator
from airflow.providers.standard.operators.python import PythonOperator
before, start = set(sys.modules), time.process_time()
importlib.import_module("attestflow.operators." + sys.argv[1])
cost = time.process_time() - start
print(json.dumps({"cost": cost, "new": sorted({name.partition(".")[0] for name in set(sys.modules) - before})}))
"""


@pytest.mark.airflow
@pytest.mark.parametrize("module", MODULES)
def test_importing_an_operator_is_cheap(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module], env=dict(os.environ), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert not set(found["new"]) & {*HEAVY, "cryptography"}
    assert found["cost"] < 0.05
