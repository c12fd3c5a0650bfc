"""`attestflow approve`: an owner's signed approval of one promotion."""

from __future__ import annotations

import sys

import click

from attestflow.cli.options import common, load_settings, passphrase_for, passphrase_option, selection


@click.command(name="approve")
@click.argument("target")
@selection
@click.option("--for", "model", required=True, metavar="models:/NAME")
@click.option("--to", required=True, metavar="ALIAS|stage:STAGE")
@click.option("--policy", "policy_name", default="production", show_default=True, metavar="NAME|FILE")
@click.option("--current", metavar="DIGEST|none", help="What is in production now; asked of the registry otherwise.")
@click.option("--expires", default="7d", show_default=True, metavar="TIME", help="How long it counts: 12h, 7d.")
@click.option("--reason", help="Why; it stands in the approval.")
@click.option("--role", default="owner", show_default=True, help="Whose key signs.")
@click.option("--reject", is_flag=True, help="Sign a rejection; it stands until you approve later.")
@click.option("--yes", is_flag=True, help="Do not ask: for a shell without a terminal.")
@passphrase_option
@common
def command(
    target: str,
    include: tuple[str, ...],
    model: str,
    to: str,
    policy_name: str,
    current: str | None,
    expires: str,
    reason: str | None,
    role: str,
    reject: bool,
    yes: bool,
    passphrase_fd: int | None,
    config: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Show what the gate finds about TARGET, then sign your approval of this one promotion.

    The approval names the registry, model, digest, transition, what is in production now, the policy and the findings
    that you saw. It counts for nothing else.
    """
    from attestflow.cli.output import line, print_json
    from attestflow.cli.target import resolve_target
    from attestflow.cli.transition import production_now, transition_of
    from attestflow.cli.verdict import tell_verdict
    from attestflow.clock import format_time
    from attestflow.policy.durations import parse_duration
    from attestflow.predicates import approval

    settings = load_settings(config, store)
    transition = transition_of(settings, model, to)
    if transition is None:
        raise click.UsageError("--for and --to are needed")
    lifetime = parse_duration(expires, "--expires")
    gate = settings.gate(policy_name, sign=False)
    about = resolve_target(target, include=include, quiet=as_json)
    production = production_now(transition, current)
    verdict = gate.check(about.content, name=about.name, transition=transition, production=production)
    if not as_json:
        tell_verdict(verdict, read=about.measured is not None, preview=True)
    verb = "reject" if reject else "approve"
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(f"to {verb} without a terminal, give --yes")
        click.confirm(f"Sign as {role} to {verb} this promotion?", abort=True, err=True)
    attester = settings.attester(role, passphrase_for(settings, role, passphrase_fd))
    predicate = approval.Approval(
        decision="rejected" if reject else "approved",
        registry=transition.registry,
        model=transition.model,
        transition=transition.to,
        production=str(production) if production else None,
        policy=verdict.policy_sha256,
        verdict=verdict.findings_sha256(),
        expires=format_time(settings.clock() + lifetime),
        reason=reason,
        supersedes=() if reject else gate.rejections_by(about.content, role, transition),
    )
    made = attester.attest_predicate([about.descriptor()], approval.PREDICATE_TYPE, predicate.to_json())
    if as_json:
        document = {"attestation": made.identity, "digest": str(about.content), **predicate.to_json()}
        print_json({**document, "findings": verdict.to_json()["findings"]})
        return
    line(f"{predicate.decision} by {role} until {predicate.expires}: {made.identity}", style="green")
