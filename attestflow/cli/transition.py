"""--for, --to and --current: what the bytes are to become, and what is there now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from attestflow.documents import shown

if TYPE_CHECKING:
    from attestflow.digest import ContentDigest
    from attestflow.settings import Settings
    from attestflow.verdict import Transition

PREFIX = "models:/"


def transition_of(settings: Settings, model: str | None, to: str | None) -> Transition | None:
    """The transition that --for and --to name, in the configured registry; None when neither is given."""
    from attestflow.verdict import Transition

    if model is None and to is None:
        return None
    if model is None or to is None:
        raise click.UsageError("--for models:/NAME and --to ALIAS go together")
    name = model.removeprefix(PREFIX)
    if not model.startswith(PREFIX) or not name or "/" in name or "@" in name:
        raise click.UsageError(f"--for takes models:/NAME, without version or alias; not {shown(model)}")
    return Transition.parse(settings.registry, name, to)


def production_now(transition: Transition | None, current: str | None) -> ContentDigest | None:
    """The digest that the alias or stage names now: --current, or what the registry of MLFLOW_TRACKING_URI holds.

    None means that nothing is there. Where neither is given nothing is assumed to be there; a gate at the registry
    looks for itself, and an approval made under a wrong assumption counts for nothing there.
    """
    from attestflow.digest import ContentDigest

    if current is not None:
        return None if current == "none" else ContentDigest.parse(current)
    if transition is None or not (os.environ.get("MLFLOW_REGISTRY_URI") or os.environ.get("MLFLOW_TRACKING_URI")):
        return None
    from attestflow.integrations.mlflow.resolve import production_content

    return production_content(None, transition.model, transition.to)
