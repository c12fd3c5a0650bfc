"""Options of the commands that look at a whole registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def registry_options(function: F) -> F:
    """REGISTRY-URI, --tracking-uri, --workspace and --model."""
    for option in (
        click.option("--model", "pattern", default="*", metavar="GLOB", help="Only registered models that match."),
        click.option("--workspace", metavar="NAME", help="The workspace to look at. [MLFLOW_WORKSPACE]"),
        click.option("--tracking-uri", metavar="URI", help="Where the files are asked for; REGISTRY-URI otherwise."),
        click.argument("registry_uri", required=False, metavar="[REGISTRY-URI]"),
    ):
        function = option(function)
    return function
