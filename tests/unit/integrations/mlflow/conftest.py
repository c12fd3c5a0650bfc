"""A gated registry store on SQLite in this process, with settings that `init` would write and a policy of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestflow.cli.scaffold import scaffold
from attestflow.clock import format_time, utc_now
from attestflow.integrations.mlflow.server.frozen import Freezes
from attestflow.integrations.mlflow.server.promotion import Promotions
from attestflow.integrations.mlflow.server.registry_store import GatedSqlAlchemyStore
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.verification.signed_document import sign_document, signature_path

PRODUCTION = {"models": ["*"], "aliases": ["production"], "stages": ["Production"]}


@dataclass
class Registry:
    """A store behind the gate; its policy asks for one thing, that the pipeline attested the model's bytes."""

    folder: Path
    store: Any

    @property
    def config(self) -> Path:
        return self.folder / "attestflow.toml"

    def settings(self) -> Settings:
        return Settings.load(config=self.config)

    def policy(self, protects: Any, *, mode: str = "enforce", expires: timedelta = timedelta(days=9)) -> None:
        """Put another policy in force, signed by the root key."""
        path = self.folder / "policies" / "production.yaml"
        before = yaml.safe_load(path.read_text())
        document = {
            "apiVersion": "attestflow.dev/policy/v1",
            "name": "production",
            "version": before["version"] + 1,
            "expires": format_time(utc_now() + expires),
            "mode": mode,
            "absence": "accepted",
            "protects": protects,
            "rules": [{"rule": "content-attested", "by": ["pipeline"]}],
        }
        data = yaml.safe_dump(document).encode()
        path.write_bytes(data)
        signature_path(path).write_bytes(sign_document(data, path.name, self.settings().signer("root")))

    def files(self, place: str, text: str = "weights") -> str:
        """Files of a model below the artifact folder; their location."""
        folder = self.folder / "artifacts" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLmodel").write_text(text)
        return f"mlflow-artifacts:/{place}"

    def attest(self, place: str) -> None:
        measured = measure(self.folder / "artifacts" / place, name="model")
        self.settings().attester("pipeline").attest_content(measured, kind="model")

    def version(self, name: str, place: str, *, attested: bool, text: str = "weights") -> int:
        """A version of `name` whose files lie at `place`."""
        from mlflow.exceptions import MlflowException

        location = self.files(place, text)
        if attested:
            self.attest(place)
        try:
            self.store.create_registered_model(name)
        except MlflowException as exc:
            assert exc.error_code == "RESOURCE_ALREADY_EXISTS"
        return int(self.store.create_model_version(name, location).version)

    def decisions(self, place: str) -> list[Mapping[str, Any]]:
        """The predicates of the verdicts recorded about the files there, by time."""
        from attestflow.bundle import Bundle
        from attestflow.predicates import vsa
        from attestflow.statement import Statement

        content = measure(self.folder / "artifacts" / place, name="model").content
        found = self.settings().open_store().attestations(content, vsa.PREDICATE_TYPE)
        said = [Statement.parse(Bundle.parse(each.raw).envelope.payload).predicate for each in found]
        return sorted(said, key=lambda each: str(each["timeVerified"]))

    def aliases(self, name: str) -> Mapping[str, int]:
        return {alias: int(version) for alias, version in self.store.get_registered_model(name).aliases.items()}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    SqlAlchemyStore(f"sqlite:///{path}")._dispose_engine()
    return path


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `mlflow server --artifacts-destination attestflow+file://FOLDER` sets for its workers; the folder."""
    from mlflow.server import constants

    folder = tmp_path / "artifacts"
    folder.mkdir()
    monkeypatch.setenv(constants.BACKEND_STORE_URI_ENV_VAR, f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv(constants.ARTIFACTS_DESTINATION_ENV_VAR, f"attestflow+{folder.as_uri()}")
    monkeypatch.setenv(constants.SERVE_ARTIFACTS_ENV_VAR, "true")
    return folder


@pytest.fixture
def registry(tmp_path: Path, serving: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    scaffold(tmp_path, registry="tests", store="attestations", passphrases={})
    database = tmp_path / "mlflow.db"
    shutil.copy(empty_database, database)
    store = GatedSqlAlchemyStore(f"sqlite:///{database}")
    store.freezes = Freezes(store.engine)
    store.freezes.create_tables()
    made = Registry(tmp_path, store)
    store.promotions = Promotions(made.settings)
    made.policy([PRODUCTION])
    return made
