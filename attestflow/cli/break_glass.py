"""`attestflow break-glass`: waive denials of one promotion, for hours, with a reason that everybody reads."""

from __future__ import annotations

from typing import Any

import click

from attestflow.cli.sign_off import Asked, promotion_options


@click.command(name="break-glass")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="ID",
    help="Waive this rule; all that deny now otherwise. May be repeated.",
)
@click.option("--expires", default="4h", show_default=True, metavar="TIME", help="How long it counts: 30m, 4h.")
@click.option("--reason", required=True, help="Why; it stands in the verdict, the history and the alerts.")
@click.option("--role", default="owner", show_default=True, help="Whose key signs; the policy says who may.")
@promotion_options
def command(
    rules: tuple[str, ...], expires: str, reason: str, role: str, yes: bool, passphrase_fd: int | None, **options: Any
) -> None:
    """Sign an exception for one promotion of TARGET. It passes then, loudly, and what was promoted so expires with it.

    Only who stands under `breakGlass` in the policy may, for no longer than it says, and not who made the model.
    """
    from attestflow.clock import format_time
    from attestflow.errors import ConfigurationError
    from attestflow.policy.durations import parse_duration
    from attestflow.predicates.exception import PREDICATE_TYPE, PromotionException

    lifetime = parse_duration(expires, "--expires")
    asked = Asked.of(role=role, **options)
    glass = asked.gate.policy.break_glass
    if glass is None:
        raise ConfigurationError(
            f"the policy {asked.gate.policy.name} has no breakGlass: nobody may waive anything",
            hint="docs/guides/policies.md says how a policy allows it",
        )
    if asked.functionary not in glass.by:
        raise ConfigurationError(f"only {' or '.join(glass.by)} may break the glass, not {asked.functionary}")
    if lifetime > glass.max_lifetime:
        raise ConfigurationError(f"the policy allows no exception for {expires}", hint="give a shorter --expires")
    asked.show()
    denying = dict.fromkeys(finding.rule for finding in asked.verdict.denials)
    chosen = list(rules or denying)
    forbidden = [name for name in chosen if name in glass.never]
    if forbidden:
        raise ConfigurationError(f"the policy lets nobody waive {', '.join(forbidden)}")
    if not chosen:
        raise ConfigurationError("nothing denies this promotion, so there is nothing to waive")
    predicate = PromotionException(
        registry=asked.transition.registry,
        model=asked.transition.model,
        transition=asked.transition.to,
        production=str(asked.production) if asked.production else None,
        policy=asked.verdict.policy_sha256,
        rules=tuple(chosen),
        expires=format_time(asked.settings.clock() + lifetime),
        reason=reason,
    ).to_json()
    made = asked.sign(PREDICATE_TYPE, predicate, "break the glass for", yes=yes, passphrase_fd=passphrase_fd)
    asked.tell(made, predicate, f"{', '.join(chosen)} waived by {asked.functionary} until {predicate['expires']}")
