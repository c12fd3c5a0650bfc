"""What ML teams read of a registration in MLflow's own pages: artifacts and tags of the run, tags of the version.

They are for people and are never an input of anything. The model's own directory is left alone: its digest is signed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

FOLDER = "attestflow"  # in a run's artifacts
ML_BOM_FILE, PROVENANCE_FILE, OMS_FILE = "ml-bom.cdx.json", "provenance.intoto.json", "model.sig"
CONTENT, ML_BOM, TRAINING = "attestflow.content", "attestflow.ml-bom", "attestflow.training"
# On a gated server these tags are the gate's own: this one asks it to look at its verified evidence and write them.
PAPERS = "attestflow.papers"
log = logging.getLogger("attestflow")


def tell_run(client: Any, run_id: str, documents: Mapping[str, bytes], tags: Mapping[str, str]) -> None:
    """Put documents (file name to bytes) among a run's artifacts, and tags on it; what goes wrong is logged."""

    def write() -> None:
        for file, data in documents.items():
            client.log_text(run_id, data.decode("utf-8"), f"{FOLDER}/{file}")
        for tag, value in tags.items():
            client.set_tag(run_id, tag, value)

    _quietly(f"run {run_id}", write)


def tell_version(client: Any, name: str, version: str, tags: Mapping[str, str]) -> None:
    """Put tags on a version, or have a gated server put its own there; what goes wrong is logged."""

    def write() -> None:
        from mlflow.exceptions import MlflowException

        try:
            for tag, value in tags.items():
                client.set_model_version_tag(name, version, tag, value)
        except MlflowException as exc:
            if exc.error_code != "PERMISSION_DENIED":
                raise
            client.set_model_version_tag(name, version, PAPERS, "look")

    _quietly(f"{name} version {version}", write)


def readable(document: Mapping[str, Any]) -> bytes:
    """JSON as people read it; not the bytes that are signed."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8")


def _quietly(about: str, write: Any) -> None:
    try:
        write()
    except Exception as exc:  # a notice is worth less than the registration that it is about
        log.warning(
            "attestflow: %r was registered with its papers, but MLflow's pages do not show them: %r", about, exc
        )
