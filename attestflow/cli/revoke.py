"""`attestflow revoke`: an owner takes back what he approved."""

from __future__ import annotations

from typing import Any

import click

from attestflow.cli.approve import decide
from attestflow.cli.sign_off import promotion_options


@click.command(name="revoke")
@click.option("--reason", help="Why; it stands in the revocation.")
@click.option("--role", default="owner", show_default=True, help="Whose key signs.")
@promotion_options
def command(**options: Any) -> None:
    """Take back your approvals of this promotion of TARGET. Others may still approve it: `reject` stops them too.

    What was promoted stays where it is; `attestflow watch` and `audit` say that it would not pass now.
    """
    decide("revoked", "revoke the approval of", expires="7d", **options)
