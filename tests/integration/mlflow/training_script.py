"""What an ML team does: real scikit-learn models, logged and registered by MLflow's own functions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from attestflow.digest import ContentDigest
from attestflow.predicates.provenance import Provenance
from attestflow.settings import Settings
from attestflow.subject import measure

from .conftest import World

PROVENANCE = "https://slsa.dev/provenance/v1"
REFERENCE = "https://in-toto.io/attestation/reference/v0.1"
BOM = "https://cyclonedx.org/bom"


def use(monkeypatch: pytest.MonkeyPatch, world: World, url: str, *, signing: bool = True) -> None:
    """Point MLflow at a server, with or without the registry URI that signs; settings come from the environment."""
    import mlflow

    mlflow.set_tracking_uri(url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"attestflow+{url}" if signing else url)
    monkeypatch.setenv("ATTESTFLOW_CONFIG", str(world.folder / "attestflow.toml"))
    monkeypatch.setenv("ATTESTFLOW_HOME", str(world.home))
    mlflow.set_experiment("tests")


def started() -> AbstractContextManager[Any]:
    """A run."""
    import mlflow

    run: AbstractContextManager[Any] = mlflow.start_run()
    return run


def log_model(seed: float, **more: Any) -> Any:
    """Train and log a model; different seeds give different bytes. Returns MLflow's ModelInfo."""
    import mlflow
    import numpy
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=seed).fit(numpy.array([[0.0], [1.0], [2.0]]), [0, 1, 1])
    return mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"], **more)


def log_as_artifacts(folder: Path, seed: float) -> None:
    """Train a model and log its files among the run's own artifacts, as MLflow 2 did."""
    import mlflow
    import numpy
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=seed).fit(numpy.array([[0.0], [1.0], [2.0]]), [0, 1, 1])
    mlflow.sklearn.save_model(model, str(folder), pip_requirements=["scikit-learn"])
    mlflow.log_artifacts(str(folder), "model")


def stored(settings: Settings, content: ContentDigest, predicate_type: str) -> list[Mapping[str, Any]]:
    """Predicates of that type that the trust root verifies about a content."""
    verifier = settings.verifier()
    found = settings.open_store().attestations(content, predicate_type)
    return [verifier.verify(each.raw).statement.predicate for each in found]


def runs(settings: Settings, content: ContentDigest, build_type: str = "training") -> list[Provenance]:
    """The provenances of a content that are about training, or about registration."""
    parsed = [Provenance.parse(each) for each in stored(settings, content, PROVENANCE)]
    return [each for each in parsed if build_type in each.build_type]


def counts(settings: Settings, content: ContentDigest) -> tuple[int, int, int]:
    """How many content attestations, provenances and ML-BOMs there are of a content."""
    found = [len(stored(settings, content, kind)) for kind in (REFERENCE, PROVENANCE, BOM)]
    return found[0], found[1], found[2]


def content_of(url: str, uri: str, folder: Path) -> ContentDigest:
    """The content of a model as the server holds it."""
    from attestflow.integrations.mlflow.resolve import fetch

    return measure(fetch(uri, folder, url), name="m").content


def versions(client: Any, name: str) -> list[str]:
    """The numbers of a model's versions."""
    return sorted(str(each.version) for each in client.search_model_versions(f"name = '{name}'"))
