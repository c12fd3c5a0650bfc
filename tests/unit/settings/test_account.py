"""The account's memory: accepted settings files and versions that never go back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attestflow.errors import ConfigurationError
from attestflow.settings.account import Account

A, B = "a" * 64, "b" * 64


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path / "home")


def test_a_settings_file_is_accepted_by_path_and_bytes(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "attestflow.toml"
    assert not account.accepts(file, b"x")
    account.accept(file, b"x")
    assert account.accepts(file, b"x")
    assert not account.accepts(file, b"y")
    assert not account.accepts(tmp_path / "other.toml", b"x")


def test_a_version_never_goes_back(account: Account) -> None:
    account.advance("root/policy", 3, A, "the policy")
    account.advance("root/policy", 3, A, "the policy")
    with pytest.raises(ConfigurationError, match="version 2, but version 3"):
        account.advance("root/policy", 2, B, "the policy")
    assert account.seen_version("root/policy") == 3
    account.advance("root/policy", 4, B, "the policy")
    with pytest.raises(ConfigurationError, match="it went back"):
        account.advance("root/policy", 3, A, "the policy")


def test_one_version_has_one_content(account: Account) -> None:
    account.advance("root/policy", 1, A, "the policy")
    with pytest.raises(ConfigurationError, match="another document under version 1"):
        account.advance("root/policy", 1, B, "the policy")


def test_each_root_key_has_its_own_memory(account: Account) -> None:
    account.advance("key1/policy", 9, A, "the policy")
    account.advance("key2/policy", 1, B, "the policy")


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b'{"n": 3}', b'{"n": {"version": "9"}}', b'{"n": 1, "n": 2}'])
def test_a_damaged_memory_denies(account: Account, damage: bytes) -> None:
    account.directory.mkdir()
    (account.directory / "versions.json").write_bytes(damage)
    with pytest.raises(ConfigurationError):
        account.advance("n", 1, A, "the policy")


def test_memory_that_others_may_write_denies(account: Account, tmp_path: Path) -> None:
    account.accept(tmp_path / "s", b"x")
    (account.directory / "allowed.json").chmod(0o666)
    with pytest.raises(ConfigurationError, match="may be written by others"):
        account.accepts(tmp_path / "s", b"x")


def test_many_writers_lose_nothing(account: Account) -> None:
    code = (
        "import sys; from pathlib import Path; from attestflow.settings.account import Account\n"
        "account = Account(Path(sys.argv[1]))\n"
        "for n in range(20): account.advance(f'{sys.argv[2]}/{n}', 1, 'a' * 64, 'x')\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(account.directory), str(i)]) for i in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert all(account.seen_version(f"{i}/{n}") == 1 for i in range(4) for n in range(20))
