"""The gated registry: `mlflow server --registry-store-uri attestflow:<db-uri>`.

A scheme of our own fails closed: without the plugin there is no registry behind it. What it refuses, over MLflow's own
SQLAlchemy stores: an alias or a stage that a policy guards, a version that would be `latest` where that is guarded, a
rename that would carry any of these along, and tags that are attestflow's. Taking an alias away and the stages
Archived and None are never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlflow.entities.model_registry.model_version_stages import STAGE_ARCHIVED, STAGE_NONE, get_canonical_stage
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from attestflow.documents import shown
from attestflow.errors import AttestflowError
from attestflow.integrations.mlflow.location import storage_location
from attestflow.integrations.mlflow.promotion import Promotions, Refusal, Request, refused
from attestflow.integrations.mlflow.rows import DECIDED, Decided, Row
from attestflow.verdict import fold

SCHEME = "attestflow:"
RESERVED_TAGS = "attestflow."
LATEST = "alias:latest"
_DEMOTIONS = frozenset({f"stage:{STAGE_NONE}", f"stage:{STAGE_ARCHIVED}"})
# Their usual collations take é for e and ł for l, which folding does not: a look-alike would be read as the alias.
_FOLDING_DATABASES = frozenset({"mysql", "mssql"})
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class GatedStore:
    """The gate over any SQLAlchemy registry store of MLflow; `promotions` decides, MLflow's own methods write."""

    promotions: Promotions

    def set_registered_model_alias(self: Any, name: str, alias: str, version: Any) -> None:
        """Set an alias, if the policies that guard it let this version pass. Where it is already, nothing is asked."""
        if self.db_type in _FOLDING_DATABASES and not _PLAIN.fullmatch(alias) and self.promotions.covers(name):
            raise _denied(
                f"attestflow: this database reads look-alikes as {shown(alias)}; use plain letters and digits"
            )
        with self._promoting(name, version, f"alias:{alias}"):
            super().set_registered_model_alias(name, alias, version)  # type: ignore[misc]  # the other base has it

    def transition_model_version_stage(
        self: Any, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version to a stage, if the policies that guard it let it pass."""
        to = f"stage:{get_canonical_stage(stage)}"
        with self._promoting(name, version, to, archives=bool(archive_existing_versions)):
            return super().transition_model_version_stage(  # type: ignore[misc]
                name, version, stage, archive_existing_versions
            )

    def create_model_version(
        self: Any, name: str, source: str, run_id: Any = None, tags: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Create a version. Where a policy guards the alias `latest`, creating is promoting: the gate is asked first."""
        _none_reserved(tag.key for tag in tags or [])
        create = super().create_model_version  # type: ignore[misc]
        if not self.promotions.guards_creation(name):
            return create(name, source, run_id, tags, *args, **kwargs)
        held = tuple(sorted((int(each.version) for each in self.get_latest_versions(name)), reverse=True))
        try:
            location = storage_location(source, self)
        except AttestflowError as exc:
            raise _denied(f"attestflow blocked a new version of {shown(name)}: {exc}") from None
        self._ask(Request(name, 0, LATEST, location, held, *self._who()))
        made = create(name, source, run_id, tags, *args, **kwargs)
        if self.get_model_version_download_uri(name, made.version) != location:
            self.delete_model_version(name, made.version)
            raise _changed(name)
        return made

    def rename_registered_model(self: Any, name: str, new_name: str) -> Any:
        """Rename a model, unless it holds what is guarded under its old name, or would be under the new one."""
        for to in self._holds(name):
            for each in (name, new_name):
                if self.promotions.guards(each, to):
                    raise _denied(
                        f"attestflow blocked the renaming of {shown(name)}: it holds {shown(to)}, which is guarded for "
                        f"{shown(each)}.\n  hint: take it away first, rename, then promote it under its new name"
                    )
        return super().rename_registered_model(name, new_name)  # type: ignore[misc]

    def create_registered_model(self: Any, name: str, tags: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Create a model; reserved tags are refused."""
        _none_reserved(tag.key for tag in tags or [])
        return super().create_registered_model(name, tags, *args, **kwargs)  # type: ignore[misc]

    def set_registered_model_tag(self: Any, name: str, tag: Any) -> None:
        """Set a tag of a model; reserved tags are refused."""
        _none_reserved([tag.key])
        super().set_registered_model_tag(name, tag)  # type: ignore[misc]

    def delete_registered_model_tag(self: Any, name: str, key: str) -> None:
        """Delete a tag of a model; reserved tags are refused."""
        _none_reserved([key])
        super().delete_registered_model_tag(name, key)  # type: ignore[misc]

    def set_model_version_tag(self: Any, name: str, version: Any, tag: Any) -> None:
        """Set a tag of a version; reserved tags are refused."""
        _none_reserved([tag.key])
        super().set_model_version_tag(name, version, tag)  # type: ignore[misc]

    def delete_model_version_tag(self: Any, name: str, version: Any, key: str) -> None:
        """Delete a tag of a version; reserved tags are refused."""
        _none_reserved([key])
        super().delete_model_version_tag(name, version, key)  # type: ignore[misc]

    @contextmanager
    def _promoting(self: Any, name: str, version: Any, to: str, *, archives: bool = False) -> Iterator[None]:
        """Decide, then let MLflow write, in a transaction that first makes sure that both are about the same row."""
        with self.ManagedSessionMaker() as session:
            row = Row.of(self._get_sql_model_version(session, name, version), to)
        if not row.exact and to not in _DEMOTIONS:
            self._ask(Request(row.name, row.version, to, row.location, row.held, *self._who()))
        token = DECIDED.set(Decided(to, row, archives))
        try:
            yield
        finally:
            DECIDED.reset(token)

    def _get_sql_model_version(self: Any, session: Any, name: str, version: Any, eager: bool = False) -> Any:
        """MLflow's look-up of a version, which both its writing methods make in the transaction that they write in."""
        decided = DECIDED.get()
        if decided is not None:
            # Two promotions of one model wait for each other here: writing the row locks it, in every database.
            stamp = SqlRegisteredModel.last_updated_time
            models = self._get_query(session, SqlRegisteredModel).filter(SqlRegisteredModel.name == name)
            models.update({stamp: stamp}, synchronize_session=False)
        row = super()._get_sql_model_version(session, name, version, eager)  # type: ignore[misc]
        if decided is not None and not decided.still_holds(row):
            raise _changed(name)
        return row

    def _holds(self: Any, name: str) -> list[str]:
        model = self.get_registered_model(name)
        stages = {f"stage:{each.current_stage}" for each in model.latest_versions} - _DEMOTIONS
        return [
            *(f"alias:{alias}" for alias in model.aliases),
            *sorted(stages),
            *[LATEST][: len(model.latest_versions)],
        ]

    def _who(self: Any) -> tuple[str | None, str | None]:
        """The request's workspace, None for the default one, and whom MLflow authenticated, None for nobody."""
        from flask import g, has_request_context

        workspace = self._get_active_workspace()
        actor = getattr(g, "mlflow_authenticated_user", None) if has_request_context() else None
        return (None if workspace == DEFAULT_WORKSPACE_NAME else workspace), (str(actor) if actor else None)

    def _ask(self: Any, request: Request) -> None:
        try:
            self.promotions.enforce(self, request)
        except Refusal as refusal:
            raise MlflowException(
                refusal.message, error_code=PERMISSION_DENIED, attestflow=dict(refusal.verdict)
            ) from None


class GatedSqlAlchemyStore(GatedStore, SqlAlchemyStore):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's registry store behind the gate."""


class GatedWorkspaceStore(GatedStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]
    """MLflow's workspace-aware registry store behind the gate."""


def gated_registry_store(store_uri: str) -> Any:
    """The store for `attestflow:<db-uri>` (entry point `mlflow.model_registry_store`).

    It reads from the database that it writes to, never from a read replica: a decision is about what is there now.
    Raises MlflowException, and so stops the server from starting, when the gate's settings, store, trust root or
    policies cannot be used, when nothing would be guarded, or when the artifacts lie where the gate cannot read them.
    """
    promotions = Promotions()
    try:
        promotions.check_start()
    except AttestflowError as exc:
        raise MlflowException(f"attestflow: the gate does not start: {exc}") from None
    chosen = GatedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GatedSqlAlchemyStore
    store = chosen(store_uri.removeprefix(SCHEME))
    store.promotions = promotions
    return store


def _none_reserved(keys: Any) -> None:
    for key in keys:
        if fold(str(key)).startswith(RESERVED_TAGS):
            raise _denied(f"attestflow keeps tags that begin with {RESERVED_TAGS} to itself")


def _changed(name: str) -> MlflowException:
    return _denied(f"attestflow blocked a promotion of {shown(name)}: it changed while the gate decided; ask again")


def _denied(message: str) -> MlflowException:
    return MlflowException(message, error_code=PERMISSION_DENIED, attestflow=refused(message))
