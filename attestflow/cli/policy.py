"""`attestflow policy`: write, try, explain and sign policies."""

from __future__ import annotations

import click

from attestflow.cli.options import common, load_settings, passphrase_option
from attestflow.cli.policy_explain import explain
from attestflow.cli.policy_lint import lint
from attestflow.cli.policy_test import test


@click.group(name="policy")
def command() -> None:
    """Write, try, explain and sign policies."""


command.add_command(lint)
command.add_command(test)
command.add_command(explain)


@command.command(name="schema")
def schema() -> None:
    """Print the JSON Schema of policy files, for your editor."""
    import json

    from attestflow.policy.json_schema import policy_schema

    click.echo(json.dumps(policy_schema(), indent=1))


@command.command(name="sign")
@click.argument("name", default="production", metavar="NAME|FILE")
@passphrase_option
@common
def sign(name: str, passphrase_fd: int | None, config: str | None, store: str | None, as_json: bool) -> None:
    """Sign a policy with the root key after an edit (raise its `version` first)."""
    from attestflow.cli.signing import sign_with_root
    from attestflow.settings import parsed_policy

    settings = load_settings(config, store)
    path = settings.policy_file(name)

    def check(data: bytes) -> tuple[str, int, str]:
        policy = parsed_policy(data, path)
        return f"policy/{policy.name}", policy.version, f"the policy {policy.name}"

    sign_with_root(settings, path, check, passphrase_fd, as_json=as_json)
