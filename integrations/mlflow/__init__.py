"""MLflow: a registry that refuses what the policy denies, registration with a signed ML-BOM, and model URIs as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attestflow.integrations.mlflow.registration import RegisteredVersion as RegisteredVersion

_EXPORTS = ("RegisteredVersion", "register")


def __getattr__(name: str) -> Any:
    """`register` and `RegisteredVersion`, loaded when they are asked for: MLflow imports this package with every artifact."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from attestflow.integrations.mlflow import registration

    return getattr(registration, name)
