"""The gated registry: `mlflow server --registry-store-uri attestflow:<db-uri>`.

A scheme of our own fails closed: without the plugin the server does not start.
"""

from __future__ import annotations

import os
from typing import Any

from mlflow.entities.model_registry.model_version_stages import get_canonical_stage
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from attestflow.errors import AttestflowError
from attestflow.integrations.mlflow.promotion import Promotions, Refusal
from attestflow.verdict import fold

SCHEME = "attestflow:"
RESERVED_TAGS = "attestflow."


class GatedStore:
    """What is refused, over any SQLAlchemy registry store of MLflow. Demoting and taking an alias away stay allowed."""

    promotions: Promotions

    def set_registered_model_alias(self: Any, name: str, alias: str, version: Any) -> None:
        """Set an alias, if the policies that guard it let this version pass; setting it where it is changes nothing."""
        number = int(self.get_model_version(name, version).version)
        to = f"alias:{alias}"
        if number not in self.versions_at(name, to, exact=True):
            self._ask(name, number, to)
        super().set_registered_model_alias(name, alias, version)  # type: ignore[misc]  # the other base has it

    def transition_model_version_stage(
        self: Any, name: str, version: Any, stage: str, archive_existing_versions: bool
    ) -> Any:
        """Move a version to a stage, if the policies that guard it let it pass."""
        current = self.get_model_version(name, version)
        wanted = get_canonical_stage(stage)
        if current.current_stage != wanted:
            self._ask(name, int(current.version), f"stage:{wanted}")
        return super().transition_model_version_stage(  # type: ignore[misc]
            name, version, stage, archive_existing_versions
        )

    def rename_registered_model(self: Any, name: str, new_name: str) -> Any:
        """Rename a model, unless that would carry a guarded alias or stage to another name, or into a guarded one."""
        for to in self._held(name):
            for each in (name, new_name):
                if self.promotions.guards(each, to):
                    raise _denied(
                        f"attestflow blocked the renaming of {name}: it holds {to}, which is guarded.\n"
                        f"  hint: take {to} away first, rename, then promote it under its new name"
                    )
        return super().rename_registered_model(name, new_name)  # type: ignore[misc]

    def create_registered_model(self: Any, name: str, tags: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Create a model; reserved tags are refused."""
        _no_reserved(tags)
        return super().create_registered_model(name, tags, *args, **kwargs)  # type: ignore[misc]

    def create_model_version(
        self: Any, name: str, source: str, run_id: Any = None, tags: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Create a version; reserved tags are refused."""
        _no_reserved(tags)
        return super().create_model_version(name, source, run_id, tags, *args, **kwargs)  # type: ignore[misc]

    def set_registered_model_tag(self: Any, name: str, tag: Any) -> None:
        """Set a tag of a model; reserved tags are refused."""
        _no_reserved([tag])
        super().set_registered_model_tag(name, tag)  # type: ignore[misc]

    def set_model_version_tag(self: Any, name: str, version: Any, tag: Any) -> None:
        """Set a tag of a version; reserved tags are refused."""
        _no_reserved([tag])
        super().set_model_version_tag(name, version, tag)  # type: ignore[misc]

    def versions_at(self: Any, name: str, to: str, *, exact: bool = False) -> list[int]:
        """The versions that an alias or stage names now, the newest first.

        Aliases are compared folded, as policies compare them: look-alikes of a guarded alias count. With `exact` only
        the very alias.
        """
        kind, _, wanted = to.partition(":")
        if kind == "alias":
            aliases = self.get_registered_model(name).aliases
            found = [int(version) for alias, version in aliases.items() if alias == wanted]
            if not found and not exact:
                found = [int(version) for alias, version in aliases.items() if fold(alias) == fold(wanted)]
        else:
            found = [int(each.version) for each in self.get_latest_versions(name, [wanted])]
        return sorted(found, reverse=True)

    def _held(self: Any, name: str) -> list[str]:
        model = self.get_registered_model(name)
        stages = {each.current_stage for each in model.latest_versions}
        return [*(f"alias:{alias}" for alias in model.aliases), *(f"stage:{stage}" for stage in sorted(stages))]

    def _ask(self: Any, name: str, version: int, to: str) -> None:
        try:
            self.promotions.enforce(self, name, version, to)
        except Refusal as refusal:
            verdict = refusal.verdict.to_json() if refusal.verdict else None
            raise _denied(refusal.message, verdict) from None


class GatedSqlAlchemyStore(GatedStore, SqlAlchemyStore):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's registry store behind the gate."""


class GatedWorkspaceStore(GatedStore, WorkspaceAwareSqlAlchemyStore):  # type: ignore[misc]
    """MLflow's workspace-aware registry store behind the gate."""


def gated_registry_store(store_uri: str) -> Any:
    """The store for `attestflow:<db-uri>` (entry point `mlflow.model_registry_store`).

    Raises MlflowException, and so stops the server from starting, when the gate's settings, store, trust root or
    policies cannot be used, or when nothing would be guarded.
    """
    # Not at module level: mlflow.server loads this module while it is itself being loaded.
    from mlflow.server.constants import READ_REPLICA_BACKEND_STORE_URI_ENV_VAR

    db_uri = store_uri.removeprefix(SCHEME)
    promotions = Promotions()
    try:
        promotions.check_start()
    except AttestflowError as exc:
        raise MlflowException(f"attestflow: the gate does not start: {exc}") from None
    chosen = GatedWorkspaceStore if MLFLOW_ENABLE_WORKSPACES.get() else GatedSqlAlchemyStore
    store = chosen(db_uri, read_db_uri=os.environ.get(READ_REPLICA_BACKEND_STORE_URI_ENV_VAR))
    store.promotions = promotions
    return store


def _no_reserved(tags: Any) -> None:
    for tag in tags or []:
        if fold(str(tag.key)).startswith(RESERVED_TAGS):
            raise _denied(f"attestflow keeps tags that begin with {RESERVED_TAGS} to itself")


def _denied(message: str, verdict: Any = None) -> MlflowException:
    extra = {} if verdict is None else {"attestflow": verdict}
    return MlflowException(message, error_code=PERMISSION_DENIED, **extra)
