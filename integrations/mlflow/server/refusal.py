"""A refusal: what people read of it, the same for programs, and how MLflow sends it."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from attestflow.documents import escaped
from attestflow.errors import AttestflowError, PromotionBlocked
from attestflow.verdict import GATE_RULE

if TYPE_CHECKING:
    from attestflow.integrations.mlflow.server.promotion import Request
    from attestflow.verdict import Verdict

LOGGER = "mlflow.attestflow"  # below MLflow's own, so that it stands in the server's log
log = logging.getLogger(LOGGER)


class Refusal(MlflowException):  # type: ignore[misc]  # MLflow has no types here
    """What the gate does not let happen, as MLflow sends it: HTTP 403, `message` for people, `attestflow` for programs."""

    def __init__(self, message: str, verdict: Mapping[str, Any]) -> None:
        super().__init__(message, error_code=PERMISSION_DENIED, attestflow=dict(verdict))
        self.verdict = verdict


@contextmanager
def refusing(request: Request) -> Iterator[None]:
    """Whatever goes wrong inside is a Refusal, in the log and for who asked."""
    try:
        yield
    except PromotionBlocked as blocked:
        log.warning("attestflow: refused %s, asked by %s: %s", request, request.asker, escaped(blocked.message))
        raise Refusal(words(blocked.verdict, request), blocked.verdict.to_json()) from None
    except AttestflowError as exc:
        log.exception("attestflow: refused %s, asked by %s: it could not be decided", request, request.asker)
        raise undecided(request, exc.message, exc.hint) from None
    except Exception as exc:
        log.exception("attestflow: refused %s, asked by %s: it could not be decided", request, request.asker)
        raise undecided(request, f"{type(exc).__name__}; the server's log says more", None) from None


def words(verdict: Verdict, request: Request) -> str:
    """What people read of a denial: each finding with its hint, and the command that says it all."""
    lines = [f"attestflow blocked {request} (policy {verdict.policy_name}):"]
    for finding in verdict.denials:
        lines.append(f"- {finding.rule}: {_sentence(finding.message)}")
        if finding.hint:
            lines.append(f"  hint: {finding.hint}")
    if request.version:
        target = shlex.quote(f"models:/{request.model}/{request.version}")
        asked = f"--for {shlex.quote(f'models:/{request.model}')} --to {shlex.quote(request.to.removeprefix('alias:'))}"
        lines.append(f"all findings: attestflow check {target} {asked}")
    return "\n".join(escaped(line) for line in lines)


def _sentence(text: str) -> str:
    """With its full stop: MLflow's pages show all lines as one."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def undecided(request: Request, reason: str, hint: str | None) -> Refusal:
    """A refusal because there could be no decision."""
    lines = [f"attestflow blocked {request}: it could not be decided.", f"- {_sentence(escaped(reason))}"]
    if hint:
        lines.append(f"  hint: {escaped(hint)}")
    return Refusal("\n".join(lines), refused(reason, hint))


def refused(reason: str, hint: str | None = None) -> dict[str, Any]:
    """A refusal without a verdict, in the shape of one."""
    finding: dict[str, Any] = {
        "rule": GATE_RULE,
        "outcome": "denied",
        "message": reason,
        "hint": hint,
        "subject": None,
        "evidence": [],
    }
    return {"result": "denied", "enforced": True, "findings": [finding]}


def denied(reason: str, hint: str | None = None) -> Refusal:
    """A refusal for one reason, without a verdict."""
    lines = [f"attestflow: {_sentence(escaped(reason))}", *([f"  hint: {escaped(hint)}"] if hint else [])]
    return Refusal("\n".join(lines), refused(reason, hint))
