"""How errors end a task: at once, unless trying again may help."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from attestflow.errors import (
    ConfigurationError,
    DigestMismatch,
    IdentityError,
    MalformedStatement,
    SignatureError,
    StoreError,
    SubjectError,
)
from attestflow.operators.base import failing_for_good, required

FOR_GOOD = [
    ConfigurationError("x", hint="mend it"),
    SubjectError("x", hint="mend it"),
    SignatureError("x", hint="mend it"),
    IdentityError("x", hint="mend it"),
    DigestMismatch("x", hint="mend it"),
    MalformedStatement("x", hint="mend it"),
    StoreError("x", retryable=False, hint="mend it"),
]


@pytest.mark.parametrize("error", FOR_GOOD, ids=lambda error: type(error).__name__)
def test_what_a_retry_cannot_mend(error: Exception) -> None:
    with pytest.raises(AirflowFailException, match="hint: mend it"), failing_for_good():
        raise error


@pytest.mark.parametrize(
    "error", [StoreError("x", retryable=True), OSError("x")], ids=lambda error: type(error).__name__
)
def test_what_a_retry_may_mend(error: Exception) -> None:
    with pytest.raises(type(error)), failing_for_good():
        raise error


def test_no_error_passes() -> None:
    with failing_for_good():
        pass


@pytest.mark.parametrize("value", ["", "  ", None, 7, []])
def test_a_template_that_rendered_to_nothing(value: object) -> None:
    with pytest.raises(ConfigurationError, match="path is empty"):
        required(value, "path")
