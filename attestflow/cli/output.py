"""How the command line speaks: JSON for programs, plain lines for people, progress on a terminal's stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from attestflow.documents import escaped

if TYPE_CHECKING:
    from attestflow.hashing import Progress


def clean(text: object) -> str:
    """`text` without what a terminal would obey; line ends stay."""
    return "\n".join(escaped(line) for line in str(text).split("\n"))


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True))


def line(text: str = "", *, style: str | None = None) -> None:
    """One line for people on stdout; `style` is a click colour, left out where stdout is no terminal."""
    click.echo(click.style(clean(text), fg=style) if style else clean(text))


def fields(pairs: Mapping[str, object]) -> None:
    """Aligned `name  value` lines; None is left out."""
    rows = {name: value for name, value in pairs.items() if value is not None}
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        line(f"  {name.ljust(width)}  {value}")


def short(hex_or_text: str) -> str:
    """A digest cut for people: `tree:sha256:0123456789ab…`."""
    head, _, digest = hex_or_text.rpartition(":")
    return f"{head}:{digest[:12]}…" if head else f"{digest[:12]}…"


def size_text(count: int) -> str:
    """Bytes in words: `1.4 GB` (powers of ten)."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Progress | None]:
    """A callback that draws a bar on stderr; None where stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(clean(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
