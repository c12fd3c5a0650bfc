"""With nothing of theirs protected, teams meet MLflow's own registry: the same calls, the same answers, the same errors."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from attestflow.integrations.mlflow.server.registry_store import GatedWorkspaceStore

from .conftest import Registry

CREATED = WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)
# Each is one call: (method, arguments). Errors are part of the behaviour.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []


def call(method: str, *arguments: Any, **named: Any) -> None:
    CALLS.append((method, arguments, named))


call("create_registered_model", "a", [RegisteredModelTag("team", "blue")], "first")
call("create_registered_model", "a")
call("create_registered_model", "")
call("create_registered_model", "b/c")
call("create_registered_model", "ü b")
for number in range(5):
    call("create_registered_model", f"many-{number}", [RegisteredModelTag("n", str(number))])
call("get_registered_model", "a")
call("get_registered_model", "none")
call("update_registered_model", "a", "second")
call("update_registered_model", "none", "x")
call("set_registered_model_tag", "a", RegisteredModelTag("k", "v"))
call("set_registered_model_tag", "a", RegisteredModelTag("", "v"))
call("set_registered_model_tag", "none", RegisteredModelTag("k", "v"))
call("delete_registered_model_tag", "a", "k")
call("delete_registered_model_tag", "a", "never")
call("create_model_version", "a", "mlflow-artifacts:/1/m-1", None, [ModelVersionTag("k", "v")], None, "one")
call("create_model_version", "a", "s3://bucket/else", "0" * 32)
call("create_model_version", "a", "models:/a/1")
call("create_model_version", "a", "models:/none/1")
call("create_model_version", "none", "mlflow-artifacts:/1/m-1")
call("get_model_version", "a", "1")
call("get_model_version", "a", "x")
call("get_model_version", "a", 99)
call("get_model_version_download_uri", "a", "3")
call("update_model_version", "a", "1", "uno")
call("update_model_version", "a", "9", "x")
call("set_model_version_tag", "a", "1", ModelVersionTag("stage", "production"))
call("set_model_version_tag", "a", "1", ModelVersionTag("", "x"))
call("delete_model_version_tag", "a", "1", "stage")
call("delete_model_version_tag", "a", "1", "stage")
call("set_registered_model_alias", "a", "production", "1")
call("set_registered_model_alias", "a", "production", 2)
call("set_registered_model_alias", "a", "v1", "1")
call("set_registered_model_alias", "a", "latest", "1")
call("set_registered_model_alias", "a", "bad alias!", "1")
call("set_registered_model_alias", "a", "x", "99")
call("set_registered_model_alias", "none", "x", "1")
call("get_model_version_by_alias", "a", "production")
call("get_model_version_by_alias", "a", "never")
call("delete_registered_model_alias", "a", "production")
call("delete_registered_model_alias", "a", "production")
for stage in ("Staging", "production", "Archived", "None", "Nowhere"):
    for archive in (False, True):
        call("transition_model_version_stage", "a", "1", stage, archive)
        call("transition_model_version_stage", "a", "2", stage, archive)
call("transition_model_version_stage", "none", "1", "Staging", False)
call("get_latest_versions", "a")
call("get_latest_versions", "a", ["Production", "Staging"])
call("get_latest_versions", "a", ["Nowhere"])
call("search_registered_models")
call("search_registered_models", "name ILIKE 'MANY-%'", 2, ["name DESC"])
call("search_registered_models", "tags.n = '3'")
call("search_registered_models", "no such filter")
call("search_registered_models", None, 0)
call("search_model_versions", "name = 'a'", 2)
call("search_model_versions", "name = 'a' and tags.k = 'v'", 100, ["version_number ASC"])
call("search_model_versions", "run_id = '" + "0" * 32 + "'")
call("search_model_versions", "nonsense")
call("rename_registered_model", "a", "renamed")
call("rename_registered_model", "renamed", "many-0")
call("rename_registered_model", "none", "x")
call("get_model_version", "renamed", "1")
call("delete_model_version", "renamed", "2")
call("delete_model_version", "renamed", "2")
call("get_model_version", "renamed", "2")
call("create_model_version", "renamed", "mlflow-artifacts:/1/m-4")
call("delete_registered_model", "renamed")
call("delete_registered_model", "renamed")
call("create_registered_model", "renamed")
call("create_model_version", "renamed", "mlflow-artifacts:/1/m-5")
call("create_prompt", "p", "a prompt", {"t": "1"})
call("create_prompt_version", "p", "Say {{x}}", "first", {"k": "v"})
call("get_prompt", "p")
call("get_prompt", "none")
call("get_prompt_version", "p", 1)
call("set_prompt_tag", "p", "k", "v")
call("delete_prompt_tag", "p", "k")
call("set_prompt_version_tag", "p", 1, "k", "w")
call("delete_prompt_version_tag", "p", 1, "k")
call("set_prompt_alias", "p", "production", 1)
call("get_prompt_version_by_alias", "p", "production")
call("delete_prompt_alias", "p", "production")
call("search_prompts")
call("search_prompt_versions", "p")
call("delete_prompt_version", "p", 1)
call("delete_prompt", "p")
call("create_webhook", "hook", "https://example.com/hook", [CREATED], "a hook", None, WebhookStatus.ACTIVE)
call("create_webhook", "", "https://example.com/hook", [CREATED])
call("list_webhooks")
call("list_webhooks_by_event", CREATED)
call("get_webhook", "none")
call("delete_webhook", "none")
call("update_webhook", "none", name="x")

# They call other servers, or need a tracking store beside; the gate does not know them.
ELSEWHERE = {
    "copy_model_version",
    "link_prompt_version_to_model",
    "link_prompt_version_to_run",
    "link_prompts_to_trace",
    "test_webhook",
}


@pytest.fixture
def pair(registry: Registry, tmp_path: Path, empty_database: Path) -> tuple[Any, Any]:
    """A stock store and ours, whose policy protects somebody else's model."""
    registry.policy([{"models": ["theirs-*"], "aliases": ["production", "latest"], "stages": ["Production"]}])
    shutil.copy(empty_database, tmp_path / "stock.db")
    return SqlAlchemyStore(f"sqlite:///{tmp_path / 'stock.db'}"), registry.store


def told(value: Any) -> Any:
    """An answer as plain values, without what differs each time."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return told(asdict(value))
    if isinstance(value, dict):
        return {str(key): told(each) for key, each in value.items() if not _drifts(str(key))}
    if isinstance(value, (list, tuple, set)):
        token = getattr(value, "token", None)
        return [[told(each) for each in value], bool(token)] if token is not None else [told(each) for each in value]
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return {"": type(value).__name__, **told(vars(value))}
    return value


def _drifts(key: str) -> bool:
    return "time" in key or key.strip("_") in {"webhook_id", "secret"}


def answer(store: Any, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        return told(getattr(store, method)(*arguments, **named))
    except MlflowException as exc:
        return ["MlflowException", exc.error_code, re.sub(r"[0-9a-f]{32}|\d{13}", "…", str(exc.message))]


def compare(stock: Any, ours: Any) -> None:
    for method, arguments, named in CALLS:
        theirs, found = answer(stock, method, arguments, named), answer(ours, method, arguments, named)
        assert found == theirs, (method, arguments, named)
        assert json.dumps(found, default=str)


def test_the_same_answers(pair: tuple[Any, Any]) -> None:
    compare(*pair)


def test_the_same_answers_with_workspaces(
    registry: Registry, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.policy([{"models": ["theirs-*"], "aliases": ["production", "latest"], "stages": ["Production"]}])
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-a")
    made = []
    for name, kind in (("stock", WorkspaceAwareSqlAlchemyStore), ("ours", GatedWorkspaceStore)):
        shutil.copy(empty_database, tmp_path / f"{name}.db")
        made.append(kind(f"sqlite:///{tmp_path / name}.db"))
    made[1].promotions, made[1].freezes = registry.store.promotions, registry.store.freezes
    compare(*made)


def test_pages_go_on_where_they_ended(pair: tuple[Any, Any]) -> None:
    stock, ours = pair
    for store in pair:
        for number in range(7):
            store.create_registered_model(f"m-{number}")

    def pages(search: Callable[..., Any]) -> list[list[str]]:
        found, token = [], None
        while True:
            page = search(max_results=3, order_by=["name ASC"], page_token=token)
            found.append([each.name for each in page])
            token = page.token
            if not token:
                return found

    assert pages(ours.search_registered_models) == pages(stock.search_registered_models)


def test_every_public_method_is_called() -> None:
    public = {
        name for name in dir(SqlAlchemyStore) if not name.startswith("_") and callable(getattr(SqlAlchemyStore, name))
    }
    assert public == {method for method, _, _ in CALLS} | ELSEWHERE
