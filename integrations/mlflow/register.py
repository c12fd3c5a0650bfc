"""The old place of `attestflow.integrations.mlflow.registration`."""

from attestflow.integrations.mlflow.added import META_FILE
from attestflow.integrations.mlflow.registration import RegisteredVersion, register

__all__ = ["META_FILE", "RegisteredVersion", "register"]
