"""What our operators share: the connection, the role, and how an error of attestflow ends a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator

from attestflow.errors import AttestflowError, ConfigurationError
from attestflow.hooks.attestflow import DEFAULT_CONNECTION, AttestflowHook


class AttestflowOperator(BaseOperator):  # type: ignore[misc]  # Airflow has no types here
    """Base of the operators: `conn_id` names the connection, `role` whose key signs (the connection's where None)."""

    template_fields: Sequence[str] = ("conn_id", "role")
    ui_color = "#dcecf7"

    def __init__(self, *, conn_id: str = DEFAULT_CONNECTION, role: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.role = role

    @property
    def hook(self) -> AttestflowHook:
        """The hook of this operator's connection."""
        return AttestflowHook(self.conn_id)


@contextmanager
def failing_for_good() -> Iterator[None]:
    """Turn what a retry cannot mend into AirflowFailException: every AttestflowError, but for a store that may be back.

    Other exceptions (a lost network, a full disk) pass, and Airflow retries as the task says.
    """
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except AttestflowError as error:
        if getattr(error, "retryable", False):
            raise
        raise AirflowFailException(str(error)) from error


def required(value: object, field: str) -> str:
    """A templated field that must not be empty once it is rendered. Raises ConfigurationError."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"{field} is empty after its template was rendered",
            hint="look at the task's Rendered Templates; a parameter or an XCom is missing",
        )
    return value
