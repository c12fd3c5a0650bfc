"""The gated registry: `mlflow server --registry-store-uri attestflow:<db-uri>`.

A scheme of our own fails closed: without the plugin there is no registry behind it. What it refuses, over MLflow's own
SQLAlchemy stores: an alias or a stage that a policy guards, a version that would be `latest` where that is guarded, a
rename that would carry any of these along, and tags that are attestflow's. Taking an alias away and the stages
Archived and None are never refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from mlflow.entities.model_registry.model_version_stages import (
    STAGE_ARCHIVED,
    STAGE_DELETED_INTERNAL,
    STAGE_NONE,
    get_canonical_stage,
)
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import (
    SqlModelVersion,
    SqlModelVersionTag,
    SqlRegisteredModel,
    SqlRegisteredModelAlias,
)
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

from attestflow.documents import shown
from attestflow.errors import AttestflowError, SubjectError
from attestflow.integrations.mlflow.server import keeping, notices
from attestflow.integrations.mlflow.server.frozen import Freezes
from attestflow.integrations.mlflow.server.location import followed, storage_location, stored_path
from attestflow.integrations.mlflow.server.promotion import Prepared, Promotions, Request
from attestflow.integrations.mlflow.server.refusal import Refusal, denied
from attestflow.integrations.mlflow.server.rows import DECIDING, Deciding, Row
from attestflow.integrations.mlflow.server.workspaces import check_workspaces
from attestflow.names import fold

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
    freezes: Freezes

    def set_registered_model_alias(self: Any, name: str, alias: str, version: Any) -> None:
        """Set an alias, if the policies that guard it let this version pass. Where it is already, nothing is asked."""
        if self.db_type in _FOLDING_DATABASES and not _PLAIN.fullmatch(alias) and self.promotions.covers(name):
            raise denied(f"this database reads look-alikes as {shown(alias)}", "use plain letters and digits")
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
        """Create a version. Where a policy guards the alias `latest`, creating is promoting: the gate is asked first.

        A copy of another version ("Promote model" in MLflow's pages) brings that one's tags along; the gate's stay behind.
        """
        if str(source).startswith("models:/") and not str(source).startswith("models:/m-"):
            tags = [tag for tag in tags or [] if not _is_reserved(tag.key)]
        _none_reserved(tag.key for tag in tags or [])
        create = super().create_model_version  # type: ignore[misc]
        if not self.promotions.guards_creation(name):
            return create(name, source, run_id, tags, *args, **kwargs)
        held = tuple(sorted((int(each.version) for each in self.get_latest_versions(name)), reverse=True))
        try:
            location = storage_location(source, self)
        except AttestflowError as exc:
            raise denied(f"a new version of {shown(name)} is blocked: {exc.message}", exc.hint) from None
        request = Request(name, 0, LATEST, location, held, *self._who())
        prepared = self.promotions.prepare(self, self.freezes, request)
        verdicts = [each.to_json() for each in self.promotions.decide(prepared)] if prepared else []
        made = create(name, source, run_id, tags, *args, **kwargs)
        if prepared and not self._is_as_prepared(made, prepared):
            self.delete_model_version(name, made.version)
            raise self.promotions.overtaken(prepared)
        notices.tell(self, name, made.version, LATEST, verdicts)
        return made

    def _is_as_prepared(self: Any, made: Any, prepared: Prepared) -> bool:
        location = self.get_model_version_download_uri(made.name, made.version)
        with self.ManagedSessionMaker(read_only=False) as session:
            return bool(location == prepared.request.location and self.freezes.still_holds(session, prepared.freeze))

    def rename_registered_model(self: Any, name: str, new_name: str) -> Any:
        """Rename a model, unless it holds what is guarded under its old name, or would be under the new one."""
        guards = self.promotions.guard()
        for to in self._holds(name):
            for each in (name, new_name):
                if guards(each, to):
                    raise denied(
                        f"the renaming of {shown(name)} is blocked: it holds {shown(to)}, which is guarded for {shown(each)}",
                        "take it away first, rename, then promote it under its new name",
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
        """Set a tag of a version. Reserved tags are refused, but for those that ask the gate for something (`keeping`)."""
        if tag.key in keeping.COMMANDS:
            keeping.obey(self, tag.key, name, version)
            return
        _none_reserved([tag.key])
        super().set_model_version_tag(name, version, tag)  # type: ignore[misc]

    def delete_model_version_tag(self: Any, name: str, version: Any, key: str) -> None:
        """Delete a tag of a version. Reserved tags are refused, but for the one that stands for frozen files."""
        if key == notices.FREEZE:
            keeping.release(self, name, version)
            return
        _none_reserved([key])
        super().delete_model_version_tag(name, version, key)  # type: ignore[misc]

    def note(
        self: Any, name: str, version: Any, tags: Mapping[str, str | None], description: str | None = None
    ) -> None:
        """Write the gate's own tags on a version (None takes one away), and its description where one is given."""
        with self.ManagedSessionMaker(read_only=False) as session:
            row = self._get_sql_model_version(session, name, version)
            key = {"workspace": row.workspace, "name": row.name, "version": row.version}
            for tag, value in tags.items():
                if value is None:
                    session.query(SqlModelVersionTag).filter_by(**key, key=tag).delete()
                else:
                    session.merge(SqlModelVersionTag(**key, key=tag, value=value))
            if description is not None:
                row.description = description

    @contextmanager
    def _promoting(self: Any, name: str, version: Any, to: str, *, archives: bool = False) -> Iterator[None]:
        """Prepare, then let MLflow write, in a transaction that first makes sure that both are about the same and decides."""
        with self.ManagedSessionMaker() as session:
            row = Row.of(self._get_sql_model_version(session, name, version), to)
        prepared: Prepared | None = None
        verdicts: list[Mapping[str, Any]] = []

        def decide(session: Any) -> None:
            if prepared is not None:
                if not self.freezes.still_holds(session, prepared.freeze):
                    raise _Overtaken("overtaken")
                verdicts.extend(each.to_json() for each in self.promotions.decide(prepared))

        refusal, token = None, None
        try:
            if not row.exact and to not in _DEMOTIONS:
                request = Request(row.name, row.version, to, row.location, row.held, *self._who())
                prepared = self.promotions.prepare(self, self.freezes, request)
            token = DECIDING.set(Deciding(to, row, archives, decide))
            yield
        except _Overtaken:
            refusal = (
                self.promotions.overtaken(prepared)
                if prepared
                else denied(f"{shown(name)} changed while it was looked at", "ask again")
            )
        except Refusal as exc:
            refusal = exc
        finally:
            if token is not None:
                DECIDING.reset(token)
        notices.tell(self, row.name, row.version, to, [refusal.verdict] if refusal else verdicts)
        if refusal is not None:
            raise refusal from None

    def _get_sql_model_version(self: Any, session: Any, name: str, version: Any, eager: bool = False) -> Any:
        """MLflow's look-up of a version, which both its writing methods make in the transaction that they write in."""
        deciding = DECIDING.get()
        if deciding is not None:
            # Two promotions of one model wait for each other here: writing the row locks it, in every database.
            stamp = SqlRegisteredModel.last_updated_time
            models = self._get_query(session, SqlRegisteredModel).filter(SqlRegisteredModel.name == name)
            models.update({stamp: stamp}, synchronize_session=False)
        row = super()._get_sql_model_version(session, name, version, eager)  # type: ignore[misc]
        if deciding is not None:
            if not deciding.still_holds(row):
                raise _Overtaken("overtaken")
            deciding.decide(session)
        return row

    def _holds(self: Any, name: str) -> list[str]:
        model = self.get_registered_model(name)
        stages = {f"stage:{each.current_stage}" for each in model.latest_versions} - _DEMOTIONS
        return [
            *(f"alias:{alias}" for alias in model.aliases),
            *sorted(stages),
            *[LATEST][: len(model.latest_versions)],
        ]

    def guarded_holders(self: Any, session: Any) -> Iterator[tuple[str, str, str]]:
        """(model, what it holds, path of its files) of each version in this workspace that holds what a policy guards."""
        versions = self._get_query(session, SqlModelVersion).filter(
            SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
        )
        newest: dict[str, int] = {}
        for name, number in versions.with_entities(SqlModelVersion.name, SqlModelVersion.version):
            newest[name] = max(newest.get(name, 0), int(number))
        held = [(name, number, LATEST) for name, number in newest.items()]
        held += [
            (each.name, int(each.version), f"alias:{each.alias}")
            for each in self._get_query(session, SqlRegisteredModelAlias)
        ]
        held += [
            (each.name, int(each.version), f"stage:{each.current_stage}")
            for each in versions.filter(SqlModelVersion.current_stage.notin_([STAGE_NONE, STAGE_ARCHIVED]))
        ]
        guards = self.promotions.guard()
        for name, number, to in held:
            if guards(name, to):
                row = versions.filter(SqlModelVersion.name == name, SqlModelVersion.version == number).one()
                with suppress(SubjectError):  # files that lie elsewhere are not the ones that are asked about
                    yield name, to, stored_path(followed(row.storage_location or row.source or "", self))

    def _who(self: Any) -> tuple[str | None, str | None]:
        """The request's workspace, None for the default one, and whom MLflow authenticated, None for nobody."""
        from flask import g, has_request_context

        workspace = self._get_active_workspace()
        actor = getattr(g, "mlflow_authenticated_user", None) if has_request_context() else None
        return (None if workspace == DEFAULT_WORKSPACE_NAME else workspace), (str(actor) if actor else None)


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
        if MLFLOW_ENABLE_WORKSPACES.get():
            check_workspaces()
        promotions.check_start()
    except AttestflowError as exc:
        raise MlflowException(f"attestflow: the gate does not start: {exc}") from None
    chosen = GatedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GatedSqlAlchemyStore
    store = chosen(store_uri.removeprefix(SCHEME))
    store.promotions = promotions
    store.freezes = Freezes(store.engine)
    store.freezes.create_tables()
    return store


class _Overtaken(MlflowException):  # type: ignore[misc]  # MLflow's sessions let no other exception pass
    """What was prepared is no longer so: another promotion, or a release of the files, came first."""


def _is_reserved(key: Any) -> bool:
    return fold(str(key)).startswith(RESERVED_TAGS)


def _none_reserved(keys: Any) -> None:
    for key in keys:
        if _is_reserved(key):
            raise denied(f"tags that begin with {RESERVED_TAGS} are the gate's own")
