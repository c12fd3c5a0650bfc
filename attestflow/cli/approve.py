"""`attestflow approve`: an owner's signed approval of one promotion."""

from __future__ import annotations

from typing import Any

import click

from attestflow.cli.sign_off import Asked, promotion_options


def decide(
    decision: str,
    verb: str,
    role: str,
    expires: str,
    reason: str | None,
    yes: bool,
    passphrase_fd: int | None,
    **options: Any,
) -> None:
    """Sign an owner's word (`approved`, `rejected`, `revoked`) on the promotion that `options` name."""
    from attestflow.clock import format_time
    from attestflow.errors import ConfigurationError
    from attestflow.policy.durations import parse_duration
    from attestflow.predicates import approval

    lifetime = parse_duration(expires, "--expires")
    asked = Asked.of(role=role, **options)
    asked.show()
    taken_back = {"approved": "rejected", "revoked": "approved"}.get(decision)
    earlier = (
        asked.gate.words_by(asked.about.content, asked.functionary, asked.transition, taken_back) if taken_back else ()
    )
    if decision == "revoked" and not earlier:
        raise ConfigurationError(
            f"{asked.functionary} has approved nothing here that could be revoked",
            hint="`attestflow reject` says no to a promotion that others approved",
        )
    predicate = approval.Approval(
        decision=decision,
        registry=asked.transition.registry,
        model=asked.transition.model,
        transition=asked.transition.to,
        production=str(asked.production) if asked.production else None,
        policy=asked.verdict.policy_sha256,
        verdict=asked.verdict.findings_sha256(),
        expires=format_time(asked.settings.clock() + lifetime),
        reason=reason,
        supersedes=earlier,
    ).to_json()
    made = asked.sign(approval.PREDICATE_TYPE, predicate, verb, yes=yes, passphrase_fd=passphrase_fd)
    until = f" until {predicate['expires']}" if decision == "approved" else ""
    asked.tell(made, predicate, f"{decision} by {asked.functionary}{until}")


@click.command(name="approve")
@click.option("--expires", default="7d", show_default=True, metavar="TIME", help="How long it counts: 12h, 7d.")
@click.option("--reason", help="Why; it stands in the approval.")
@click.option("--role", default="owner", show_default=True, help="Whose key signs.")
@promotion_options
def command(**options: Any) -> None:
    """Show what the gate finds about TARGET, and what differs from production; then sign your approval.

    The approval names the registry, model, digest, transition, what is in production now, the policy and the findings
    that you saw. It counts for nothing else. It lifts a rejection of yours.
    """
    decide("approved", "approve", **options)
