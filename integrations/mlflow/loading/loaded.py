"""`load_model`: verified whatever the setting, and what is loaded is the very copy that was verified."""

from __future__ import annotations

import atexit
import re
import shutil
from importlib import import_module
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError

_FLAVOR = re.compile(r"[a-z][a-z0-9_]*")


def load_model(model_uri: str, flavor: str = "pyfunc", **arguments: Any) -> Any:
    """What `mlflow.<flavor>.load_model` gives for `models:/…` or `runs:/…`, loaded from a verified private copy.

    `arguments` go to MLflow. The copy is removed when Python ends, since models read from it later. Raises MlflowException,
    before anything is unpickled, where the bytes are not what was attested, or no decision stands for an alias or stage
    that a policy guards; ConfigurationError for a flavour that MLflow does not have.
    """
    try:
        if not _FLAVOR.fullmatch(flavor):
            raise ImportError(flavor)
        load = import_module(f"mlflow.{flavor}").load_model
    except (ImportError, AttributeError):
        raise ConfigurationError(
            f"there is no flavour {shown(flavor)} here",
            hint="name one of MLflow's, like sklearn, and install what it needs",
        ) from None
    from attestflow.integrations.mlflow.loading.verified import verified_copy

    path = verified_copy(model_uri)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return load(str(path), **arguments)
