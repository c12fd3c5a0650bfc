"""Exceptions and break-glass have their attacks in tests/attacks; here is what a policy may say about them."""

from __future__ import annotations

import pytest

from attestflow.errors import ConfigurationError
from attestflow.policy.loader import load_policy

from .test_loader import GOOD

EXCEPTION = '{rule: approved, models: [fraud-1], expires: "2026-12-01T00:00:00Z", reason: as agreed on Monday}'


def test_good_ones() -> None:
    policy = load_policy(f"{GOOD}exceptions: [{EXCEPTION}]\nbreakGlass: {{by: [boss], maxLifetime: 4h}}\n".encode())
    assert policy.exceptions[0].rule == "approved"
    assert policy.break_glass is not None
    assert policy.break_glass.by == ("boss",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"exceptions: [{EXCEPTION.replace('models: [fraud-1], ', '')}]", "neither subjects nor models"),
        (f"exceptions: [{EXCEPTION.replace('rule: approved', 'rule: ml-bom')}]", "no rule of this policy"),
        (f"exceptions: [{EXCEPTION.replace('as agreed on Monday', 'ok')}]", "says too little"),
        (f"exceptions: [{EXCEPTION.replace('2026-12-01T00:00:00Z', 'never')}]", "expires"),
        (f"exceptions: [{EXCEPTION.replace('models: [fraud-1]', 'subjects: [x]')}]", "x"),
        ("breakGlass: {by: [boss]}", "maxLifetime is missing"),
        ("breakGlass: {by: [], maxLifetime: 4h}", "by must be"),
        ("breakGlass: {by: [boss], maxLifetime: 73h}", "longer than 72h"),
        ("breakGlass: {by: [boss], maxLifetime: 4h, never: [ml-bom]}", "no rule of this policy"),
        ("breakGlass: {by: [boss], maxLifetime: 4h, forever: true}", "unknown key"),
    ],
)
def test_what_is_wrong_with_them(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_policy(f"{GOOD}{text}\n".encode())


def test_a_policy_that_can_never_deny() -> None:
    text = GOOD
    for rule in ("content-attested", "approved", "data-validated"):
        text = text.replace(f"rule: {rule}", f"rule: {rule}, mode: warn")
    with pytest.raises(ConfigurationError, match="can never deny"):
        load_policy(text.encode())
    load_policy(text.replace("mode: enforce\n", "mode: warn\n").encode())
