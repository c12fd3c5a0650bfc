"""What Airflow reads about the provider."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from attestflow.hooks.provider import get_provider_info


def test_every_name_in_it_exists() -> None:
    info = get_provider_info()
    for group in ("hooks", "operators"):
        for entry in info[group]:
            for module in entry["python-modules"]:
                importlib.import_module(module)
    names = [entry["class-name"] for entry in info["task-decorators"]]
    names += [entry["hook-class-name"] for entry in info["connection-types"]]
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert getattr(importlib.import_module(module), attribute)


def test_it_costs_no_import() -> None:
    script = "import sys; before = set(sys.modules); import attestflow.hooks.provider as p; p.get_provider_info(); "
    script += "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "airflow" not in done.stdout


@pytest.mark.airflow
def test_airflow_shows_the_connection_form() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "attestflow" in manager.providers
    fields = {name for name in manager.connection_form_widgets if name.startswith("extra__attestflow__")}
    assert fields == {"extra__attestflow__config", "extra__attestflow__role", "extra__attestflow__store"}
    assert manager.field_behaviours["attestflow"]["relabeling"] == {"password": "Passphrase of the key"}


@pytest.mark.airflow
def test_tasks_find_the_hook_and_the_decorator() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    manager = ProvidersManagerTaskRuntime()
    hook = manager.hooks["attestflow"]
    assert hook is not None
    assert hook.connection_id_attribute_name == "conn_id"
    assert "attest" in {name for name, _ in manager.taskflow_decorators.items()}
