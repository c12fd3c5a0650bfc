"""A registry as any client reads it, for audits: its models, what holds each alias and stage, and the files behind a version."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from attestflow.digest import ContentDigest
from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.integrations.mlflow.loading.load import loading
from attestflow.integrations.mlflow.resolve import LOGGED, VERSION, asking
from attestflow.names import fold
from attestflow.subject import measure

_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
_NO_STAGES = frozenset({"none", "archived"})
_PAGE = 100
_MAX_STEPS = 5


@dataclass(frozen=True, slots=True)
class Held:
    """`version` of a model has `to`: `alias:NAME`, `stage:NAME`, or `alias:latest` for the newest one."""

    to: str
    version: str


@dataclass(frozen=True, slots=True)
class RegistryView:
    """The registry at `uri`, with the tracking server whose artifacts its versions name, in one workspace or in none."""

    uri: str
    tracking_uri: str
    workspace: str | None = None

    @classmethod
    def of(cls, uri: str | None, tracking_uri: str | None = None, workspace: str | None = None) -> RegistryView:
        """From what a user names: an http(s) server, `attestflow+http(s)`, or the registry's database.

        What is not named comes from MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI and MLFLOW_WORKSPACE. Raises ConfigurationError
        where nothing is.
        """
        tracking = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        named = uri or os.environ.get("MLFLOW_REGISTRY_URI") or tracking
        if not named:
            raise ConfigurationError("no registry is named", hint="give its URI, or set MLFLOW_TRACKING_URI")
        for prefix in ("attestflow+", "attestflow:"):
            named = named.removeprefix(prefix)
        database = named.removeprefix("sqlite:///") if named.startswith("sqlite:///") else None
        if (
            database and not Path(database).exists()
        ):  # MLflow would make it, and an audit of it would find nothing wrong
            raise ConfigurationError(f"the registry's database {shown(database)} is not there", hint="check the path")
        server = named.startswith(("http://", "https://"))
        files = tracking_uri or (named if server else tracking) or named
        return cls(named, files.removeprefix("attestflow+"), workspace or os.environ.get("MLFLOW_WORKSPACE") or None)

    def models(self, pattern: str = "*") -> Iterator[str]:
        """The names of its models that a glob matches (names folded), those that somebody marked as prompts too.

        Raises as `fetch`.
        """
        for filter_string in (None, _PROMPTS):
            token = None
            while True:
                with self.client(self.uri) as client:
                    page = client._get_registry_client().search_registered_models(filter_string, _PAGE, None, token)
                yield from (each.name for each in page if fnmatchcase(fold(each.name), fold(pattern)))
                token = page.token
                if not token:
                    break

    def held(self, model: str) -> list[Held]:
        """What each alias and stage of a model names, and `latest`. Raises as `fetch`."""
        with self.client(f"models:/{model}") as client:
            found = client._get_registry_client().get_registered_model(model)
        held = [Held(f"alias:{alias}", str(version)) for alias, version in sorted(found.aliases.items())]
        for each in found.latest_versions or []:
            if fold(str(each.current_stage)) not in _NO_STAGES:
                held.append(Held(f"stage:{each.current_stage}", str(each.version)))
        if found.latest_versions:
            held.append(Held("alias:latest", str(max(int(each.version) for each in found.latest_versions))))
        return held

    def versions(self, model: str) -> Iterator[Any]:
        """Its versions (MLflow's ModelVersion), in the order of their numbers. Raises as `fetch`."""
        quote = '"' if "'" in model else "'"
        token, found = None, []
        while True:
            with self.client(f"models:/{model}") as client:
                registry = client._get_registry_client()
                page = registry.search_model_versions(f"name = {quote}{model}{quote}", _PAGE, None, token)
            found += list(page)
            token = page.token
            if not token:
                break
        yield from sorted(found, key=lambda each: int(each.version))

    def tags(self, model: str, version: str) -> dict[str, str]:
        """A version's tags: what MLflow says, and no evidence. Raises as `fetch`."""
        with self.client(f"models:/{model}/{version}") as client:
            return dict(client._get_registry_client().get_model_version(model, version).tags)

    def content_of(self, model: str, to: str) -> ContentDigest | None:
        """The digest of what `to` names now, its files read; None where it names nothing. Raises as `fetch`.

        Look-alikes of an alias count where the very alias is not there, as they do for the gate.
        """
        held = self.held(model)
        exact = [each for each in held if each.to == to]
        named = exact or [each for each in held if fold(each.to) == fold(to)]
        if not named:
            return None
        return self.content_of_version(model, max((each.version for each in named), key=int))

    def content_of_version(self, model: str, version: str) -> ContentDigest:
        """The digest of a version's files, read now. Raises as `fetch`, and SubjectError."""
        with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
            path = self.fetch(model, version, Path(folder))
            return measure(path, name=model, algorithms=("sha256",)).content

    def fetch(self, model: str, version: str, folder: Path) -> Path:
        """Download the files behind a version, as they lie in the artifact store, below `folder`; the path.

        Raises ConfigurationError when there is nothing of that name, StoreError when MLflow does not answer.
        """
        with self.client(f"models:/{model}/{version}") as client:
            from mlflow.artifacts import download_artifacts

            location = self._location(client, model, version)
            path = download_artifacts(artifact_uri=location, dst_path=str(folder), tracking_uri=self.tracking_uri)
        if not any(Path(path).iterdir() if Path(path).is_dir() else [path]):
            raise ConfigurationError(
                f"nothing lies at {shown(location)}", hint="its files were deleted, or never written"
            )
        return Path(path)

    def _location(self, client: Any, model: str, version: str) -> str:
        registry = client._get_registry_client()  # the client itself hides what somebody marked as a prompt
        location = str(registry.get_model_version_download_uri(model, version))
        for _ in range(_MAX_STEPS):
            if logged := LOGGED.fullmatch(location):
                location = str(client.get_logged_model(logged[1]).artifact_location)
            elif other := VERSION.fullmatch(location):
                location = str(registry.get_model_version_download_uri(other[1], other[2]))
            else:
                return location
        raise ConfigurationError(f"models:/{model}/{version} leads from one version to the next")

    @contextmanager
    def client(self, about: str) -> Iterator[Any]:
        """MLflow's client of this registry, in its workspace; what MLflow raises inside is ConfigurationError or StoreError."""
        with asking(about), loading("off"):
            from mlflow import MlflowClient
            from mlflow.utils.workspace_context import WorkspaceContext

            client = MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.uri)
            if self.workspace is None:
                yield client
                return
            with WorkspaceContext(self.workspace):
                yield client
