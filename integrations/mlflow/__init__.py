"""MLflow: a registry that refuses what the policy denies, registration with a signed ML-BOM, and model URIs as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attestflow.integrations.mlflow.loading.loaded import load_model as load_model
    from attestflow.integrations.mlflow.registration.register import RegisteredVersion as RegisteredVersion

_EXPORTS = {  # name -> module
    "RegisteredVersion": "registration.register",
    "register": "registration.register",
    "load_model": "loading.loaded",
}


def __getattr__(name: str) -> Any:
    """What the package exports, loaded when it is asked for: MLflow imports this package with every artifact."""
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
