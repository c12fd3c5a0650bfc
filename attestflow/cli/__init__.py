"""The command line: one file per command, loaded when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from attestflow import __version__
from attestflow.errors import AttestflowError, PromotionBlocked, VerificationError

EXIT_ERROR, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_VERIFICATION, EXIT_BLOCKED = 1, 2, 3, 4, 10

COMMANDS = {  # name -> module, in the order of a pipeline's life
    "init": "init",
    "attest": "attest",
    "register": "register",
    "verify": "verify",
    "check": "check",
    "diff": "diff",
    "pending": "pending",
    "approve": "approve",
    "reject": "reject",
    "revoke": "revoke",
    "break-glass": "break_glass",
    "freeze": "freeze",
    "promote": "promote",
    "history": "history",
    "replay": "replay",
    "audit": "audit",
    "watch": "watch",
    "report": "report",
    "adopt": "adopt",
    "lineage": "lineage",
    "impact": "impact",
    "show": "show",
    "policy": "policy",
    "trust": "trust",
    "doctor": "doctor",
}


class _Lazy(click.Group):
    """Commands by name; a command's module is imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"attestflow.cli.{module}").command
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="attestflow")
def app() -> None:
    """Signed evidence for every stage of an ML pipeline, and a gate that asks for it.

    \b
    TARGET is a file, a directory, file:sha256:<hex>, tree:sha256:<hex>,
    models:/name/version or models:/name@alias.
    Exit: 0 passed, 1 error, 2 usage, 3 nothing attested, 4 verification failed, 10 blocked.
    """


def exit_code(error: AttestflowError) -> int:
    """The exit code of an error: 10 blocked, 4 verification failed, 1 anything else."""
    if isinstance(error, PromotionBlocked):
        return EXIT_BLOCKED
    return EXIT_VERIFICATION if isinstance(error, VerificationError) else EXIT_ERROR


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; an AttestflowError becomes `error:` and `hint:`, never a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = app.main(args=given, prog_name="attestflow", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        sys.exit(EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except AttestflowError as exc:
        _report(exc, as_json="--json" in given)
        sys.exit(exit_code(exc))
    sys.exit(code if isinstance(code, int) else 0)  # click returns the code of an Exit


def _report(error: AttestflowError, *, as_json: bool) -> None:
    from attestflow.cli.output import clean

    if as_json:
        import json

        body = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        click.echo(json.dumps({"error": body}))
    click.echo(f"error: {clean(error.message)}", err=True)
    if error.hint:
        click.echo(f"hint: {clean(error.hint)}", err=True)
