"""What ML teams read of the gate in MLflow's own pages: tags of a version and its run, the verdict as the run's artifact.

They are written by the gate for people and are never an input of it. A notice that cannot be written is logged, and changes
nothing about the decision.
"""

from __future__ import annotations

import json
import logging
import posixpath
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.integrations.mlflow.server.frozen import Freeze
from attestflow.integrations.mlflow.server.location import stored_path
from attestflow.integrations.mlflow.server.refusal import LOGGER
from attestflow.lineage import gather
from attestflow.predicates import ml_bom, reference
from attestflow.settings import Settings

CONTENT, ML_BOM, ATTESTED_BY = "attestflow.content", "attestflow.ml-bom", "attestflow.attested-by"
FREEZE, VERDICT = "attestflow.freeze", "attestflow.verdict"
FOLDER = "attestflow"  # in a run's artifacts
_MAX_DESCRIPTION = 4500
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
log = logging.getLogger(LOGGER)


def papers(settings: Settings, content: ContentDigest) -> dict[str, str]:
    """Tags that say which content a version is, who attested that, and its ML-BOM, as verified evidence says it now."""
    lineage = gather(content, settings.open_store(), settings.verifier())
    signers = sorted({item.functionary for item in lineage.root.of_type(reference.PREDICATE_TYPE)})
    boms = [item.identity for item in lineage.root.of_type(ml_bom.PREDICATE_TYPE)]
    return {CONTENT: str(content), ATTESTED_BY: ", ".join(signers) or "nobody", ML_BOM: boms[-1] if boms else "none"}


def frozen_since(freeze: Freeze) -> str:
    """What the tag of frozen files says."""
    return f"since {format_time(datetime.fromtimestamp(freeze.since // 1000, UTC))}"


def tell(store: Any, name: str, version: Any, to: str, verdicts: Iterable[Mapping[str, Any]]) -> None:
    """Note each recorded verdict on the version and its run, and the last one in the version's description.

    The version's notes are written before the answer goes out: whoever deletes it next meets nobody who writes to it. The
    run's follow in a thread of their own, in order.
    """
    for verdict in verdicts:
        if verdict.get("attestation"):
            quietly(_tell, store, name, version, to, verdict)


class _Writer:
    """Does what it is given in order, in a thread that is there while there is something to do."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def submit(self, job: Callable[[], None]) -> None:
        """Do it soon, in this context (its workspace); a process that ends does it first."""
        with self._lock:
            self._waiting.append(partial(copy_context().run, job))
            if self._busy:
                return
            self._busy = True
        threading.Thread(target=self._work, name="attestflow-notices").start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                job = self._waiting.popleft()
            job()


_WRITER = _Writer()


def quietly(write: Callable[..., None], *arguments: Any) -> None:
    """Write a notice; what goes wrong is logged."""
    try:
        write(*arguments)
    except Exception:
        log.warning("attestflow: a notice could not be written", exc_info=True)


def _tell(store: Any, name: str, version: Any, to: str, verdict: Mapping[str, Any]) -> None:
    found = store.get_model_version(name, version)
    link = None
    if found.run_id:
        about = f"{_UNSAFE.sub('-', name)}-{version}-{_UNSAFE.sub('-', to)}"[:150]
        try:
            link = _on_run(found.run_id, about, verdict)
        except Exception:
            log.warning("attestflow: a verdict could not be put among a run's artifacts", exc_info=True)
    tags = {f"{VERDICT}.{to}": f"{_line(verdict)}; attestation {verdict['attestation']}"}
    if verdict["result"] == "passed":
        tags[CONTENT] = str(verdict["subject"])
    line = f"attestflow: {_line(verdict)} for {to}"
    others = [each for each in (found.description or "").splitlines() if not _is_ours(each, to)]
    description = "\n".join([*others, f"{line} ([verdict]({link}))" if link else line])
    store.note(name, version, tags, description if len(description) <= _MAX_DESCRIPTION else None)


def _on_run(run_id: str, about: str, verdict: Mapping[str, Any]) -> str | None:
    """Have the verdict put among a run's artifacts; where MLflow's pages show it, None where its files are not here."""
    from mlflow.server import handlers

    tracking = handlers._get_tracking_store()
    info = tracking.get_run(run_id).info
    if not info.artifact_uri.startswith("mlflow-artifacts:/"):
        return None
    file, place = f"verdict-{about}.json", posixpath.join(stored_path(info.artifact_uri), FOLDER)
    _WRITER.submit(partial(quietly, _write_artifact, tracking, run_id, place, file, f"{VERDICT}.{about}", verdict))
    return f"#/experiments/{info.experiment_id}/runs/{run_id}/artifacts/{FOLDER}/{file}"


def _write_artifact(tracking: Any, run_id: str, place: str, file: str, tag: str, verdict: Mapping[str, Any]) -> None:
    from mlflow.entities import RunTag
    from mlflow.server import handlers

    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        local = Path(folder, file)
        local.write_text(json.dumps(verdict, indent=2), encoding="utf-8")
        handlers._get_artifact_repo_mlflow_artifacts().log_artifact(str(local), place)
    tracking.set_tag(run_id, RunTag(tag, _line(verdict)))


def _line(verdict: Mapping[str, Any]) -> str:
    result = "PASSED" if verdict["result"] == "passed" else "DENIED"
    if result == "PASSED" and any(each["outcome"] == "excepted" for each in verdict["findings"]):
        result = "PASSED BY EXCEPTION"
    warned = "" if verdict["enforced"] else " (it only warns)"
    return f"{result} by policy {verdict['policy']['name']}{warned} at {verdict['time']}"


def _is_ours(line: str, to: str) -> bool:
    said = line.partition(" ([verdict](")[0]
    return line.startswith("attestflow: ") and said.endswith(f" for {to}")
