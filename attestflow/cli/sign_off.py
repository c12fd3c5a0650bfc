"""What `approve`, `reject`, `revoke` and `break-glass` share: show what the gate finds and what is signed, ask, sign."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attestflow.cli.options import common, load_settings, passphrase_for, passphrase_option, selection

if TYPE_CHECKING:
    from attestflow.cli.target import Target
    from attestflow.digest import ContentDigest
    from attestflow.gate import Gate
    from attestflow.settings import Settings
    from attestflow.verdict import Transition, Verdict

F = TypeVar("F", bound=Callable[..., Any])


def promotion_options(function: F) -> F:
    """TARGET and which promotion of it is meant, who signs, and how."""
    function = common(passphrase_option(function))
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask: for a shell without a terminal."),
        click.option(
            "--current", metavar="DIGEST|none", help="What is in production now; asked of the registry otherwise."
        ),
        click.option("--policy", "policy_name", default="production", show_default=True, metavar="NAME|FILE"),
        click.option("--to", required=True, metavar="ALIAS|stage:STAGE"),
        click.option("--for", "model", required=True, metavar="models:/NAME"),
        selection,
        click.argument("target"),
    ):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Asked:
    """One promotion that somebody is about to sign something about, and what the gate finds about it now."""

    settings: Settings
    gate: Gate
    about: Target
    transition: Transition
    production: ContentDigest | None
    verdict: Verdict
    role: str
    functionary: str
    as_json: bool

    @classmethod
    def of(
        cls, target: str, role: str, model: str, to: str, policy_name: str, current: str | None, **options: Any
    ) -> Asked:
        """Read TARGET, and evaluate the policy without recording it."""
        from attestflow.cli.target import resolve_target
        from attestflow.cli.transition import production_now, transition_of

        settings = load_settings(options["config"], options["store"])
        transition = transition_of(settings, model, to)
        assert transition is not None
        gate, functionary = settings.gate(policy_name, sign=False), settings.functionary(role)
        about = resolve_target(target, include=options["include"], quiet=options["as_json"])
        production = production_now(transition, current)
        verdict = gate.check(about.content, name=about.name, transition=transition, production=production)
        return cls(settings, gate, about, transition, production, verdict, role, functionary, options["as_json"])

    def show(self) -> None:
        """What the gate finds now, and how this version differs from the one in production."""
        from attestflow.cli.verdict import tell_verdict

        if self.as_json:
            return
        tell_verdict(self.verdict, read=self.about.measured is not None, preview=True)
        self._tell_differences()

    def _tell_differences(self) -> None:
        from attestflow.cli.diff import tell_differences
        from attestflow.cli.output import line
        from attestflow.differences import differences
        from attestflow.lineage import gather

        if self.production is None:
            line("Nothing is in production there now.")
            return
        new, old = (gather(each, self.gate.store, self.gate.verifier) for each in (self.about.content, self.production))
        line("What differs from what is in production now:")
        tell_differences(differences(new, old))

    def sign(
        self, predicate_type: str, predicate: dict[str, Any], verb: str, *, yes: bool, passphrase_fd: int | None
    ) -> str:
        """Show the predicate, ask, sign it about TARGET; its identity."""
        from attestflow.cli.output import fields, line

        if not self.as_json:
            line(f"What {self.functionary} signs:")
            fields({key: _shown(value) for key, value in predicate.items()})
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError(f"to {verb} without a terminal, give --yes")
            click.confirm(f"Sign as {self.functionary} to {verb} this promotion?", abort=True, err=True)
        attester = self.settings.attester(self.role, passphrase_for(self.settings, self.role, passphrase_fd))
        return attester.attest_predicate([self.about.descriptor()], predicate_type, predicate).identity

    def tell(self, identity: str, predicate: dict[str, Any], summary: str) -> None:
        """What was signed, for people and programs."""
        from attestflow.cli.output import line, print_json

        if self.as_json:
            document = {"attestation": identity, "digest": str(self.about.content), "by": self.functionary, **predicate}
            print_json({**document, "findings": self.verdict.to_json()["findings"]})
        else:
            line(f"{summary}: {identity}", style="green")


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return "nothing" if value is None else value
