"""What a registry's aliases and stages need, by the policies of the settings, and what the record says they have."""

from __future__ import annotations

from attestflow.clock import format_time
from attestflow.decisions import Standing
from attestflow.documents import escaped, shown
from attestflow.errors import ConfigurationError
from attestflow.policy.schema import Policy
from attestflow.settings import Settings
from attestflow.verdict import Transition

DEFAULT_WORKSPACE = "default"  # mlflow.utils.workspace_utils.DEFAULT_WORKSPACE_NAME


def all_policies(settings: Settings) -> tuple[Policy, ...]:
    """Every policy that the settings name. ConfigurationError where one cannot be used: what it guards is unknown then.

    Where they name none it is unknown too: somebody's settings, not a registry in which nothing is guarded.
    """
    if not settings.policies:
        raise ConfigurationError(
            "the settings name no policy, so nothing says what is guarded", hint="add one under [policies]"
        )
    return tuple(settings.policy(name) for name in settings.policies)


def guarding(policies: tuple[Policy, ...], model: str, to: str) -> tuple[Policy, ...]:
    """Those that guard `model` getting `to` (`alias:NAME` or `stage:NAME`), compared as the gate does."""
    return tuple(policy for policy in policies if policy.protects(model, to))


def transition_in(settings: Settings, workspace: str | None, model: str, to: str) -> Transition:
    """The transition as the gate of that workspace names it in its verdicts."""
    inside = workspace and workspace != DEFAULT_WORKSPACE
    return Transition.parse(f"{settings.registry}/{workspace}" if inside else settings.registry, model, to)


def parse_target(target: str) -> tuple[str, str]:
    """`models:/NAME/SUFFIX` or `models:/NAME@ALIAS` as (name, what follows): a number, `alias:…` or `stage:…`.

    Raises ConfigurationError for anything else.
    """
    rest = target.removeprefix("models:/")
    name, at, alias = rest.rpartition("@")
    if at and name and alias and "/" not in rest:
        return name, f"alias:{alias}"
    name, slash, suffix = rest.partition("/")
    if not target.startswith("models:/") or not slash or not name or not suffix or "/" in suffix or "@" in rest:
        raise ConfigurationError(
            f"{shown(target)} names no version, alias or stage of a model",
            hint="write models:/NAME/VERSION, models:/NAME@ALIAS or models:/NAME/STAGE",
        )
    if suffix.isdecimal():
        return name, suffix
    return name, "alias:latest" if suffix.lower() == "latest" else f"stage:{suffix}"


def accepted(found: Standing, policy: Policy) -> bool:
    """Whether what the record says is enough under the policy as it is now: one that only warns once is not one that passed."""
    return found.state == "passed" or (found.state == "warned" and policy.mode == "warn")


def words(found: Standing, policy: Policy) -> str:
    """What the record says, for people."""
    by = f"policy {policy.name}"
    decision = found.decision
    if decision is None:
        return f"no gate decided that these bytes get it ({by})"
    when = format_time(decision.time)
    match found.state:
        case "passed" if decision.waived:
            return escaped(f"passed {by} on {when} BY EXCEPTION: {'; '.join(decision.waived)}")[:500]
        case "passed":
            return f"passed {by} on {when}"
        case "warned":
            return f"{by} only warned when it got there on {when}: {_reasons(found)}"
        case "expired":
            return f"the decision of {when} ({by}) expired on {format_time(decision.expires)}"
        case _:
            return f"the last verdict ({by}, {when}) denies it: {_reasons(found)}"


def _reasons(found: Standing) -> str:
    assert found.decision is not None
    said = [f"{each.get('rule')}: {each.get('message')}" for each in found.decision.denials]
    return escaped("; ".join(said))[:500] or "it gives no reason"
