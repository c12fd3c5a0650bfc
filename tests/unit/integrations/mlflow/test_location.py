"""Only what this server alone writes is read, and only under a name that a client is served the same way."""

from __future__ import annotations

import pytest

from attestflow.errors import SubjectError
from attestflow.integrations.mlflow.server.location import followed, stored_path

from .conftest import Registry


def test_a_location_below_the_root() -> None:
    assert stored_path("mlflow-artifacts:/1/models/m-1/artifacts") == "1/models/m-1/artifacts"
    assert stored_path("mlflow-artifacts:/1/Größe mit Raum/") == "1/Größe mit Raum"


@pytest.mark.parametrize(
    "location",
    [
        "s3://another-bucket/model",
        "https://models.example/api/2.0/mlflow-artifacts/artifacts/1/m",
        "mlflow-artifacts://other.example/1/m",
        "mlflow-artifacts://127.0.0.1:5000/1/m",
        "file:///etc",
        "/etc",
        "1/models",
        "runs:/0123/model",
        "models:/m/1",
        "",
        "mlflow-artifacts:",
        "mlflow-artifacts:/",
        "mlflow-artifacts:/1/../../etc",
        "mlflow-artifacts:/1/./m",
        "mlflow-artifacts:/1//m",
        "mlflow-artifacts:/1/m%2D1",
        "mlflow-artifacts:/1/%2e%2e/m",
        "mlflow-artifacts:/1/m?x=1",
        "mlflow-artifacts:/1/m#x",
        "mlflow-artifacts:/1/m;x",
        "mlflow-artifacts:/1\\m",
        "mlflow-artifacts:/1/m\n",
        "mlflow-artifacts:/1/m\u202e",
        "mlflow-artifacts:/1/Gro\u0308\u00dfe",
        "MLFLOW-ARTIFACTS:/1/m",
        "mlflow-artifacts:1/m",
    ],
)
def test_what_is_not_read(location: str) -> None:
    with pytest.raises(SubjectError):
        stored_path(location)


def test_a_copy_is_followed_to_the_version_it_was_made_of(registry: Registry) -> None:
    registry.version("first", "1/m", attested=False)
    assert followed("models:/first/1", registry.store) == "mlflow-artifacts:/1/m"
    assert followed("mlflow-artifacts:/1/m", registry.store) == "mlflow-artifacts:/1/m"


@pytest.mark.parametrize("location", ["models:/first@champion", "models:/first/Staging", "models:/first/latest"])
def test_what_may_lead_elsewhere_tomorrow_is_not_followed(location: str, registry: Registry) -> None:
    registry.version("first", "1/m", attested=False)
    with pytest.raises(SubjectError, match="no fixed place"):
        followed(location, registry.store)


def test_a_circle_ends(registry: Registry) -> None:
    class Circle:
        def get_model_version_download_uri(self, name: str, version: object) -> str:
            return f"models:/{name}/{version}"

    with pytest.raises(SubjectError, match="no fixed place"):
        followed("models:/first/1", Circle())
