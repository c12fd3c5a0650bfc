"""Verified at load: what MLflow hands out for `models:/` and `runs:/` is a private copy whose digest was attested.

The whole model is fetched into a folder of this account's own (0700), digested there, and loaded from there: nobody can
change it in between. Nothing is unpickled before.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.utils.workspace_context import get_request_workspace

from attestflow.documents import escaped, shown
from attestflow.errors import AttestflowError
from attestflow.integrations.mlflow.loading.load import Mode, loading, mode
from attestflow.integrations.mlflow.loading.load_check import Asked, check
from attestflow.integrations.mlflow.server.refusal import LOGGER
from attestflow.settings import Settings

MLMODEL = "MLmodel"
log = logging.getLogger(LOGGER)


class VerifiedModelsRepository(ModelsArtifactRepository):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's repository for `models:/…`, which hands out verified copies."""

    def download_artifacts(
        self, artifact_path: str, dst_path: str | None = None, lineage_header_info: Any = None
    ) -> str:
        """The model or a part of it, after all of it was verified. MlflowException where it is not what was attested."""
        as_ = mode()
        if as_ == "off":
            return str(super().download_artifacts(artifact_path, dst_path, lineage_header_info))
        asked = Asked(self.artifact_uri, self.model_name, _guardable(self.artifact_uri), get_request_workspace())
        copy = fetch_verified(asked, lambda folder: self.repo.download_artifacts("", folder), as_)
        path = copy.deliver(_parts(artifact_path), _parts(artifact_path), dst_path)
        if (path / MLMODEL).is_file():
            self._add_registered_model_meta_file(str(path))
        return str(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        _download_one(self, remote_file_path, local_path)


class VerifiedRunsRepository(RunsArtifactRepository):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's repository for `runs:/…`, which hands out verified copies.

    What belongs to a model is verified with all of the model; anything else must have been attested just as it is.
    """

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """The artifact, after it was verified. MlflowException where it is not what was attested."""
        as_ = mode()
        if as_ == "off":
            return str(super().download_artifacts(artifact_path, dst_path))
        run_id, inside = RunsArtifactRepository.parse_runs_uri(self.artifact_uri)
        run = RunsArtifactRepository(f"runs:/{run_id}", self.tracking_uri, self.registry_uri)
        parts = _parts(artifact_path)
        whole = [*_parts(inside), *parts]
        root = _model_root(run, whole)
        place = whole if root is None else whole[:root]
        asked = Asked(f"runs:/{run_id}/{'/'.join(place)}", is_model=root is not None)
        copy = fetch_verified(asked, lambda folder: run.download_artifacts("/".join(place), folder), as_)
        return str(copy.deliver(whole[len(place) :], parts, dst_path))

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        _download_one(self, remote_file_path, local_path)


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """What was fetched: `folder` is this account's alone, `path` the model (or artifact) in it; `verified` as the mode wants."""

    folder: Path
    path: Path
    verified: bool

    def deliver(self, part: list[str], below: list[str], dst_path: str | None) -> Path:
        """The path of `part` in the copy; where the caller named a folder, moved there under `below`.

        That folder must be empty then: other files in it would be loaded along with the verified ones.
        """
        found = self.path.joinpath(*part)
        if not found.exists():
            self.remove()
            raise MlflowException(f"No such artifact: {'/'.join(part)!r}", error_code=RESOURCE_DOES_NOT_EXIST)
        if dst_path is None:
            return found
        target = Path(dst_path, *below)
        try:
            if found.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found, target)
                return target
            target.mkdir(parents=True, exist_ok=True)
            if self.verified and any(target.iterdir()):
                raise MlflowException(
                    f"attestflow: {shown(target)} is not empty: what lies there would be loaded unverified\n"
                    "  hint: give an empty folder",
                    error_code=INVALID_PARAMETER_VALUE,
                )
            shutil.copytree(found, target, dirs_exist_ok=True)
            return target
        finally:
            self.remove()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def fetch_verified(asked: Asked, fetch: Callable[[str], str], as_: Mode) -> PrivateCopy:
    """Fetch all of it into a private folder, and verify it there. MlflowException where `require` is not met."""
    folder = Path(tempfile.mkdtemp(prefix="attestflow-"))  # mode 0700
    try:
        with loading("off"):
            path = Path(fetch(str(folder)))
        problem = _problem(asked, path, folder)
        if problem is not None:
            reason, hint = problem
            lines = f"attestflow: {escaped(asked.uri)} is not loaded: {escaped(reason)}\n  hint: {escaped(hint)}"
            if as_ == "require":
                raise MlflowException(lines, error_code=PERMISSION_DENIED)
            log.warning("attestflow: %s is loaded UNVERIFIED: %s", escaped(asked.uri), escaped(reason))
        return PrivateCopy(folder, path, problem is None or as_ == "require")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def verified_copy(model_uri: str) -> Path:
    """A verified private copy of what `models:/…` or `runs:/…` names, whatever the setting; the caller removes it.

    Raises MlflowException where it is not what was attested, or the URI is of another kind.
    """
    from mlflow.tracking.artifact_utils import _get_root_uri_and_artifact_path

    repositories: dict[str, Any] = {"models": VerifiedModelsRepository, "runs": VerifiedRunsRepository}
    repository = repositories.get(model_uri.partition(":")[0])
    if repository is None:
        raise MlflowException(
            f"attestflow: {shown(model_uri)} is not loaded: only models:/ and runs:/ lead to what is verified\n"
            "  hint: name models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-… or runs:/RUN/PATH",
            error_code=INVALID_PARAMETER_VALUE,
        )
    root, path = _get_root_uri_and_artifact_path(model_uri)
    with loading("require"):
        return Path(repository(root).download_artifacts(path))


def _problem(asked: Asked, path: Path, folder: Path) -> tuple[str, str] | None:
    """Why this is not to be loaded and what to do about it; None where all is as recorded."""
    try:
        if folder not in (path, *path.parents):
            return "MLflow did not put it into the private folder", "report this"
        for note in check(asked, path, Settings.load()):
            log.warning("attestflow: %s: %s", escaped(asked.uri), escaped(note))
        return None
    except AttestflowError as exc:
        return exc.message, exc.hint or "`attestflow audit` compares the registry with the records"
    except Exception as exc:  # whatever broke here must not let anything through
        log.exception("attestflow: %s could not be verified", escaped(asked.uri))
        return f"it could not be verified: {type(exc).__name__}", "the log says more"


def _guardable(uri: str) -> str | None:
    """The `alias:…` or `stage:…` that a `models:/` URI goes by; None where it names a version or a logged model."""
    parsed = _parse_model_uri(uri)
    if parsed.alias is not None:
        return f"alias:{parsed.alias}"
    if parsed.stage is not None:
        return f"stage:{parsed.stage}"
    return None if parsed.model_id is not None or parsed.version is not None else "alias:latest"


def _model_root(run: Any, parts: list[str]) -> int | None:
    """How many parts of a path in a run lead to the outermost model on its way; None where it leads into no model."""
    for count in range(len(parts) + 1):
        listed = run.list_artifacts("/".join(parts[:count]))
        if any(info.path.rpartition("/")[2] == MLMODEL and not info.is_dir for info in listed):
            return count
    return None


def _parts(path: str | None) -> list[str]:
    parts = [part for part in (path or "").split("/") if part not in ("", ".")]
    if ".." in parts or any("\0" in part for part in parts):
        raise MlflowException(f"attestflow: {shown(path)} is no path in a model", error_code=INVALID_PARAMETER_VALUE)
    return parts


def _download_one(repository: Any, remote_file_path: str, local_path: str) -> None:
    with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
        shutil.copyfile(repository.download_artifacts(remote_file_path, folder), local_path)
