"""`attestflow reject`: an owner's signed no to one promotion."""

from __future__ import annotations

from typing import Any

import click

from attestflow.cli.approve import decide
from attestflow.cli.sign_off import promotion_options


@click.command(name="reject")
@click.option("--reason", required=True, help="Why; whoever asks for the promotion reads it.")
@click.option("--role", default="owner", show_default=True, help="Whose key signs.")
@promotion_options
def command(**options: Any) -> None:
    """Sign that TARGET must not get this alias or stage, whoever else approves; it stands until you approve later."""
    decide("rejected", "reject", expires="7d", **options)
