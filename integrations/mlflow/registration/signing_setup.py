"""Who signs at registration, as settings and environment say it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from attestflow.attest import Attester
from attestflow.documents import shown
from attestflow.errors import ConfigurationError

ROLE, OMS = "ATTESTFLOW_MLFLOW_ROLE", "ATTESTFLOW_MLFLOW_OMS"
DEFAULT_ROLE = "pipeline"
# Set while `register` itself makes a version, so that the signing client store below it does not sign a second time.
SIGNED_BY_CALLER: ContextVar[bool] = ContextVar("attestflow_signed_by_caller", default=False)


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, whether with an OMS signature too, and which MLflow server the files and runs are asked of."""

    attester: Attester
    oms: bool = False
    tracking_uri: str | None = None

    @classmethod
    def configured(
        cls,
        tracking_uri: str | None,
        *,
        attester: Attester | None = None,
        oms: bool | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Signing:
        """What is not given comes from the settings, ATTESTFLOW_MLFLOW_ROLE (else `pipeline`) and ATTESTFLOW_MLFLOW_OMS.

        Raises ConfigurationError or StoreError where something that signing needs is not there: settings, store, key,
        trust root.
        """
        from attestflow.settings import Settings

        signs = attester or Settings.load(environ=environ).attester(environ.get(ROLE) or DEFAULT_ROLE)
        signs.store.probe()
        return cls(signs, oms_asked(environ) if oms is None else oms, tracking_uri)


def oms_asked(environ: Mapping[str, str]) -> bool:
    """Whether ATTESTFLOW_MLFLOW_OMS asks for an OMS signature; ConfigurationError for anything but 1, 0, true, false."""
    value = environ.get(OMS, "").strip().lower()
    if value not in {"", "0", "1", "true", "false"}:
        raise ConfigurationError(f"{OMS} is {shown(value)}", hint="set it to 1 or 0")
    return value in {"1", "true"}


@contextmanager
def signed_by_caller() -> Iterator[None]:
    """Inside, the signing client store makes versions without papers: who calls it signs them."""
    token = SIGNED_BY_CALLER.set(True)
    try:
        yield
    finally:
        SIGNED_BY_CALLER.reset(token)
