"""Which transition a URI and a workspace name, as the gate writes it in its verdicts."""

from __future__ import annotations

import pytest

from attestflow.errors import ConfigurationError
from attestflow.integrations.mlflow.records.guarded import parse_target, transition_in
from attestflow.settings import Settings


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("models:/churn/7", ("churn", "7")),
        ("models:/churn@production", ("churn", "alias:production")),
        ("models:/a@b@c", ("a@b", "alias:c")),
        ("models:/churn/Production", ("churn", "stage:Production")),
        ("models:/churn/LATEST", ("churn", "alias:latest")),
    ],
)
def test_parsed_as_mlflow_does(target: str, found: tuple[str, str]) -> None:
    from mlflow.store.artifact.utils.models import _parse_model_uri

    assert parse_target(target) == found
    theirs = _parse_model_uri(target)
    to = f"alias:{theirs.alias}" if theirs.alias else f"stage:{theirs.stage}" if theirs.stage else "alias:latest"
    assert (theirs.name, theirs.version or to) == found


@pytest.mark.parametrize(
    "target",
    ["churn/7", "models:/churn", "models:/churn/", "models:/churn@", "models:/@x", "models:/a/b/c", "runs:/a/b", ""],
)
def test_what_names_nothing(target: str) -> None:
    with pytest.raises(ConfigurationError, match="names no version"):
        parse_target(target)


@pytest.mark.parametrize(
    ("workspace", "registry"), [(None, "reg"), ("", "reg"), ("default", "reg"), ("team", "reg/team")]
)
def test_a_workspace_is_a_registry_of_its_own(workspace: str | None, registry: str) -> None:
    found = transition_in(Settings(registry="reg"), workspace, "churn", "alias:production")
    assert found.registry == registry
