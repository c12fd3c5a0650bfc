"""Options that several commands share, and the settings that they lead to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attestflow.errors import ConfigurationError

if TYPE_CHECKING:
    from attestflow.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

MAX_PASSPHRASE = 4096


def common(function: F) -> F:
    """--config, --store and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs."),
        click.option("--store", metavar="URL", help="Evidence store: a folder or any fsspec URL. [ATTESTFLOW_STORE]"),
        click.option("--config", metavar="FILE", help="Settings; found upwards otherwise. [ATTESTFLOW_CONFIG]"),
    ):
        function = option(function)
    return function


def selection(function: F) -> F:
    """--include, repeated."""
    return click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Only files of the tree that match, e.g. 'train/**'. The selection is signed. May be repeated.",
    )(function)


def passphrase_option(function: F) -> F:
    """--passphrase-fd."""
    return click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Read the key's passphrase from this file descriptor (one line). Asked for on a terminal otherwise.",
    )(function)


def load_settings(config: str | None, store: str | None) -> Settings:
    """The settings that flags, environment and file give."""
    from attestflow.settings import Settings

    return Settings.load(config=config, store=store)


def read_passphrase(descriptor: int) -> bytes:
    """One line from a file descriptor, without its line end; the descriptor is closed."""
    try:
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_PASSPHRASE + 1)
    except OSError as exc:
        raise ConfigurationError(f"file descriptor {descriptor} cannot be read: {exc.strerror}") from None
    passphrase = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not passphrase or len(data) > MAX_PASSPHRASE:
        raise ConfigurationError(f"file descriptor {descriptor} holds no passphrase (one line, at most 4096 bytes)")
    return passphrase


def passphrase_for(settings: Settings, role: str, descriptor: int | None) -> bytes | None:
    """The passphrase of a role's key: from the descriptor, asked for on a terminal, or None for a plain key."""
    if descriptor is not None:
        return read_passphrase(descriptor)
    path = settings.keys.get(role)
    if path is None or not sys.stdin.isatty():
        return None
    from attestflow.signing.key import is_encrypted

    if not is_encrypted(path):
        return None
    return str(click.prompt(f"Passphrase of the key of {role}", hide_input=True, err=True)).encode()
