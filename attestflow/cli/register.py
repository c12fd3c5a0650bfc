"""`attestflow register`: put a model into the MLflow registry with its signed papers, or give a version its papers."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from attestflow.cli.options import common, load_settings, passphrase_for, passphrase_option


@click.command(name="register")
@click.argument("target")
@click.option("--name", help="The registered model; TARGET's own where it is a version.")
@click.option("--role", help="Whose key signs; pipeline otherwise. [ATTESTFLOW_MLFLOW_ROLE]")
@click.option("--oms/--no-oms", default=None, help="Sign with OMS too. [ATTESTFLOW_MLFLOW_OMS]")
@passphrase_option
@common
def command(
    target: str,
    name: str | None,
    role: str | None,
    oms: bool | None,
    passphrase_fd: int | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Register TARGET in MLflow with its papers, or sign those of a version that exists.

    \b
    TARGET is models:/m-… (a logged model), runs:/RUN/PATH, or models:/NAME/VERSION.
    Signed are which bytes it is, the run that trained it, and an ML-BOM; each once,
    so the command can be repeated. MLFLOW_TRACKING_URI names the server.
    """
    import os

    from attestflow.cli.output import progress
    from attestflow.integrations.mlflow.registration.register import register
    from attestflow.integrations.mlflow.registration.signing_setup import DEFAULT_ROLE, ROLE

    signer = role or os.environ.get(ROLE) or DEFAULT_ROLE
    settings = load_settings(config, store)
    attester = settings.attester(signer, passphrase_for(settings, signer, passphrase_fd))
    made = register(
        target,
        name,
        attester=attester,
        oms=oms,
        progress=partial(progress, quiet=as_json),
    )
    _print(made, signer, as_json=as_json)


def _print(made: Any, signer: str, *, as_json: bool) -> None:
    from attestflow.cli.output import fields, line, print_json

    if as_json:
        print_json(
            {
                "uri": made.uri,
                "name": made.name,
                "version": made.version,
                "digest": str(made.content),
                "attestation": made.attestation,
                "mlBom": made.ml_bom,
                "training": made.training,
                "oms": made.oms,
                "note": made.note,
            }
        )
        return
    line(f"registered {made.uri}", style="green")
    fields(
        {
            "digest": made.content,
            "signed by": signer,
            "attestation": made.attestation,
            "training": made.training or f"none signed: {made.note}",
            "ML-BOM": made.ml_bom,
            "OMS": made.oms,
        }
    )
