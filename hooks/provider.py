"""What Airflow reads about this provider; it imports nothing, since every Airflow process calls it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The provider's description (entry point `apache_airflow_provider`; Airflow's provider_info.schema.json)."""
    optional_text = {"type": ["string", "null"]}
    return {
        "package-name": "attestflow",
        "name": "attestflow",
        "description": "Signed evidence for every stage of a pipeline, and a promotion gate.",
        "integrations": [{"integration-name": "attestflow", "tags": ["software"]}],
        "hooks": [{"integration-name": "attestflow", "python-modules": ["attestflow.hooks.attestflow"]}],
        "operators": [
            {
                "integration-name": "attestflow",
                "python-modules": [
                    "attestflow.operators.attest_dataset",
                    "attestflow.operators.attest_task",
                    "attestflow.operators.promotion_gate",
                    "attestflow.operators.register_model",
                    "attestflow.operators.validate_dataset",
                ],
            }
        ],
        "task-decorators": [{"name": "attest", "class-name": "attestflow.operators.attest_task.attest_task"}],
        "connection-types": [
            {
                "connection-type": "attestflow",
                "hook-name": "attestflow",
                "hook-class-name": "attestflow.hooks.attestflow.AttestflowHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "login", "port", "extra"],
                    "relabeling": {"password": "Passphrase of the key"},
                    "placeholders": {"password": "empty for a key that is not encrypted"},
                },
                "conn-fields": {
                    "config": {
                        "label": "Settings file",
                        "description": "Absolute path of attestflow.toml on the workers",
                        "schema": optional_text,
                    },
                    "role": {
                        "label": "Role",
                        "description": "Whose key signs when a task names no role: pipeline, validation, …",
                        "schema": optional_text,
                    },
                    "store": {
                        "label": "Store",
                        "description": "URL of the evidence store; the settings file's where empty",
                        "schema": optional_text,
                    },
                },
            }
        ],
    }
