"""--report FILE: a verdict written as JSON, SARIF, Markdown or HTML, whichever the file's name says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from attestflow.gate import Gate
    from attestflow.verdict import Verdict

F = TypeVar("F", bound=Callable[..., Any])
ENDINGS = (".json", ".sarif", ".md", ".html")


def _checked(ctx: click.Context, parameter: click.Parameter, value: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in value:
        if path.suffix not in ENDINGS:
            raise click.BadParameter(f"{path.name} ends in none of {', '.join(ENDINGS)}")
    return value


def report_option(function: F) -> F:
    """--report, repeated."""
    return click.option(
        "--report",
        "reports",
        multiple=True,
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_checked,
        metavar="FILE",
        help="Write the verdict to FILE: .json, .sarif, .md or .html. May be repeated.",
    )(function)


def write_reports(reports: tuple[Path, ...], verdict: Verdict, gate: Gate) -> None:
    """Write each report whole. Raises ConfigurationError for a file that cannot be written."""
    from attestflow.errors import ConfigurationError
    from attestflow.settings.files import write_whole

    for path in reports:
        try:
            write_whole(path, _rendered(path.suffix, verdict, gate).encode())
        except OSError as exc:
            raise ConfigurationError(f"the report {path} cannot be written: {exc.strerror}") from None


def _rendered(ending: str, verdict: Verdict, gate: Gate) -> str:
    from attestflow.differences import differences
    from attestflow.lineage import gather
    from attestflow.rendering.html import html
    from attestflow.rendering.markdown import markdown
    from attestflow.rendering.sarif import sarif

    if ending == ".json":
        return json.dumps(verdict.to_json(), indent=2, sort_keys=True)
    if ending == ".sarif":
        return json.dumps(sarif([verdict]), indent=1)
    lineage = gather(verdict.subject, gate.store, gate.verifier)
    before = gather(verdict.production, gate.store, gate.verifier) if verdict.production else None
    changed = differences(lineage, before) if before is not None else None
    return markdown(verdict, changed) if ending == ".md" else html(verdict, lineage, changed)
