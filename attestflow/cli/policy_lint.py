"""`attestflow policy lint`: is a policy well formed, and does it ask for what its author thinks?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from attestflow.cli.options import common, load_settings

if TYPE_CHECKING:
    from attestflow.policy.schema import Policy
    from attestflow.verification.trust_root import TrustRoot


@click.command(name="lint")
@click.argument("name", default="production", metavar="NAME|FILE")
@common
def lint(name: str, config: str | None, store: str | None, as_json: bool) -> None:
    """Read a policy file, signed or not, and say what it protects and asks for, and what is weak about it."""
    from attestflow.cli.output import fields, line, print_json
    from attestflow.settings import parsed_policy
    from attestflow.settings.files import read_guarded

    settings = load_settings(config, store)
    path = settings.policy_file(name)
    policy = parsed_policy(read_guarded(path, "policy"), path)
    weak = list(weaknesses(policy, settings.trust_root() if settings.trust_root_file else None))
    rules = [use.rule for use in policy.rules]
    if as_json:
        head = {"name": policy.name, "version": policy.version, "mode": policy.mode}
        print_json({**head, "rules": rules, "warnings": weak})
        return
    line(f"policy {policy.name} version {policy.version}: well formed", style="green")
    protects = "; ".join(
        f"{', '.join(item.models)} -> aliases {', '.join(item.aliases) or 'none'}, stages {', '.join(item.stages) or 'none'}"
        for item in policy.protections
    )
    fields(
        {"mode": policy.mode, "absence": policy.absence, "protects": protects or "NOTHING", "rules": ", ".join(rules)}
    )
    for text in weak:
        line(f"warning: {text}", style="yellow")


def weaknesses(policy: Policy, trust_root: TrustRoot | None) -> Iterator[str]:
    """What is well formed and still probably not meant."""
    from attestflow.policy.registry import find_rule

    if not policy.protections:
        yield "it protects no model, so no gate ever asks it by itself"
    if policy.mode == "warn":
        yield "mode is warn: everything passes"
    for use in policy.rules:
        if use.mode == "warn":
            yield f"{use.rule} is in mode warn: it denies nothing"
        if use.rule in ("data-validated", "tests-passed") and use.parameters.get("suites") is None:
            yield f"{use.rule} pins no suites: one that is edited to pass always counts, if its signer may sign any suite"
        for key, parameter in find_rule(use.rule, "policy").parameters.items():
            for who in (use.parameters.get(key) or ()) if parameter.kind == "functionaries" else ():
                if trust_root is not None and who not in trust_root.functionaries:
                    yield f"{use.rule} asks for {who}, whom the trust root does not know: it will deny"
    if "approved" not in {use.rule for use in policy.rules}:
        yield "no rule asks for an approval"
    for exception in policy.exceptions:
        if set(exception.models) & {"*"} and not exception.subjects:
            yield f"an exception waives {exception.rule} for every model until {exception.expires:%Y-%m-%d}"
