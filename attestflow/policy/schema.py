"""What a policy is, and what a rule is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from attestflow.digest import ContentDigest
from attestflow.lineage import Lineage
from attestflow.names import fold
from attestflow.verdict import Finding, Transition
from attestflow.verification.trust_root import TrustRoot

__all__ = [
    "Attachment",
    "BreakGlass",
    "Context",
    "Parameter",
    "Policy",
    "PolicyException",
    "Protection",
    "Rule",
    "RuleUse",
    "Transition",
]

LEEWAY = timedelta(minutes=1)
ParameterKind = Literal[
    "functionaries",
    "texts",
    "text",
    "duration",
    "count",
    "number",
    "numbers",
    "choice",
    "flag",
    "file",
    "files",
    "json",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a rule: what kind of value, whether it must be given, and what it means."""

    kind: ParameterKind
    description: str
    required: bool = True
    choices: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a policy names by its SHA-256 (hex): the policy's signature covers it."""

    name: str
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision is about, beside the lineage. `now` is the gate's clock (aware, UTC).

    `predecessor` is the lineage of what is in production, for rules that compare with it (`compares`); `seen` is the digest
    of what all other rules found, for the rule that asks what an owner saw. `opa` is the binary that evaluates Rego, None for
    the engine of our own choice.
    """

    now: datetime
    transition: Transition | None
    production: ContentDigest | None
    policy_sha256: str
    trust_root: TrustRoot
    policy_name: str = ""
    predecessor: Lineage | None = None
    seen: str | None = None
    opa: Path | None = None

    def is_future(self, moment: datetime) -> bool:
        """Whether a stated time lies in the future, beyond a minute that clocks may differ."""
        return moment > self.now + LEEWAY


class Rule(Protocol):
    """One check. It does no I/O, sees only verified statements, and gives at least one finding.

    A rule that compares with what is in production says so with `compares = True`.
    """

    id: ClassVar[str]
    severity: ClassVar[Literal["high", "medium"]]
    description: ClassVar[str]
    remediation: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]]

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """What this rule finds; `parameters` were checked when the policy was loaded."""
        ...


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A rule in a policy, with the parameters given to it there. In mode `warn` its denials are warnings."""

    rule: str
    parameters: Mapping[str, Any]
    mode: Literal["enforce", "warn"] = "enforce"


@dataclass(frozen=True, slots=True)
class PolicyException:
    """What a policy itself waives, until `expires`: denials of `rule` about `subjects`, or about models matching `models`."""

    rule: str
    subjects: tuple[str, ...]
    models: tuple[str, ...]
    expires: datetime
    reason: str

    def covers(self, finding: Finding, subject: ContentDigest, transition: Transition | None) -> bool:
        """Whether it waives this denial of a decision about `subject`."""
        if finding.rule != self.rule:
            return False
        if self.subjects and not {str(subject), finding.subject} & set(self.subjects):
            return False
        named = transition is not None and any(_matches(transition.model, pattern) for pattern in self.models)
        return not self.models or named


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Who may waive denials by a signed exception, for how long at most, and which rules nobody may waive."""

    by: tuple[str, ...]
    max_lifetime: timedelta
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protection:
    """Registered models (globs) with the aliases and stages that a gate guards."""

    models: tuple[str, ...]
    aliases: tuple[str, ...]
    stages: tuple[str, ...]

    def covers(self, model: str, to: str) -> bool:
        """Whether `model` getting `to` (`alias:<name>` or `stage:<name>`) is guarded; all names compared folded."""
        kind, _, name = to.partition(":")
        names = self.aliases if kind == "alias" else self.stages
        return self.covers_model(model) and any(_matches(name, pattern) for pattern in names)

    def covers_model(self, model: str) -> bool:
        """Whether anything of `model` is guarded."""
        return any(_matches(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class Policy:
    """What must hold. `sha256` is of the bytes it was read from; `absence` is repeated in each verdict.

    `verdict_lifetime` is for how long a recorded verdict may be relied on, never beyond `expires`.
    """

    name: str
    version: int
    expires: datetime
    absence: Literal["accepted"]
    mode: Literal["enforce", "warn"]
    protections: tuple[Protection, ...]
    rules: tuple[RuleUse, ...]
    sha256: str
    verdict_lifetime: timedelta = timedelta(days=90)
    exceptions: tuple[PolicyException, ...] = ()
    break_glass: BreakGlass | None = None
    attachments: tuple[Attachment, ...] = ()
    source: bytes = field(default=b"", repr=False, compare=False)

    def protects(self, model: str, to: str) -> bool:
        """Whether this policy guards `model` getting `to`."""
        return any(protection.covers(model, to) for protection in self.protections)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(fold(name), fold(pattern))
