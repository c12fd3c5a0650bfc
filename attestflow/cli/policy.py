"""`attestflow policy`: sign, check and explain policies."""

from __future__ import annotations

import click

from attestflow.cli.options import common, load_settings, passphrase_option


@click.group(name="policy")
def command() -> None:
    """Sign and check policy files."""


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


@command.command(name="lint")
@click.argument("name", default="production", metavar="NAME|FILE")
@common
def lint(name: str, config: str | None, store: str | None, as_json: bool) -> None:
    """Read a policy file, signed or not, and say what it protects and asks for."""
    from attestflow.cli.output import fields, line, print_json
    from attestflow.settings import parsed_policy
    from attestflow.settings.files import read_guarded

    settings = load_settings(config, store)
    path = settings.policy_file(name)
    policy = parsed_policy(read_guarded(path, "policy"), path)
    rules = [use.rule for use in policy.rules]
    if as_json:
        print_json({"name": policy.name, "version": policy.version, "mode": policy.mode, "rules": rules})
        return
    line(f"policy {policy.name} version {policy.version}: well formed", style="green")
    protects = "; ".join(
        f"{', '.join(item.models)} -> aliases {', '.join(item.aliases) or 'none'}, stages {', '.join(item.stages) or 'none'}"
        for item in policy.protections
    )
    fields(
        {"mode": policy.mode, "absence": policy.absence, "protects": protects or "NOTHING", "rules": ", ".join(rules)}
    )
