"""Workspaces behind the gate: `mlflow server --enable-workspaces --workspace-store-uri attestflow:<db-uri>`.

MLflow can delete a workspace and move its models, aliases and all, into the default one (`mode=SET_DEFAULT`). No gate is
asked there, and the files of a moved version are others by that: its location is read in the workspace that it is in.
"""

from __future__ import annotations

from mlflow.store.workspace.abstract_store import WorkspaceDeletionMode
from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.workspace_utils import get_workspace_store_uri

from attestflow.errors import ConfigurationError
from attestflow.integrations.mlflow.server.refusal import denied

SCHEME = "attestflow:"
_KEEP_MODELS_WHERE_THEY_ARE = frozenset({WorkspaceDeletionMode.RESTRICT, WorkspaceDeletionMode.CASCADE})


class GatedWorkspaces(SqlAlchemyStore):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's workspace store, which moves no models from one workspace into another."""

    def delete_workspace(
        self, workspace_name: str, mode: WorkspaceDeletionMode = WorkspaceDeletionMode.RESTRICT
    ) -> None:
        """Delete an empty workspace, or one with all that it holds."""
        if mode not in _KEEP_MODELS_WHERE_THEY_ARE:
            raise denied(
                "the models of a workspace are not moved into another one, where no gate has seen them",
                "register them there, then delete the workspace with mode=CASCADE",
            )
        super().delete_workspace(workspace_name, mode)


def gated_workspace_store(workspace_uri: str) -> GatedWorkspaces:
    """The store for `attestflow:<db-uri>` (entry point `mlflow.workspace_provider`)."""
    return GatedWorkspaces(workspace_uri.removeprefix(SCHEME))


def check_workspaces() -> None:
    """Raise ConfigurationError where a server's workspaces are not kept by this store."""
    if not str(get_workspace_store_uri() or "").startswith(SCHEME):
        raise ConfigurationError(
            "deleting a workspace could move its models into another one, past the gate",
            hint="start the server with --workspace-store-uri attestflow:<db-uri>",
        )
