"""attestflow.toml is read strictly."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import ConfigurationError
from attestflow.settings.schema import parse_settings

PATH = Path("/somewhere/attestflow.toml")


def test_paths_are_relative_to_the_file() -> None:
    file = parse_settings(b'store = "evidence"\n[keys]\nowner = "keys/o.key"\n[policies]\np = "/etc/p.yaml"\n', PATH)
    assert file.store == "/somewhere/evidence"
    assert file.keys == {"owner": Path("/somewhere/keys/o.key")}
    assert file.policies == {"p": Path("/etc/p.yaml")}


def test_a_url_stays_a_url() -> None:
    assert parse_settings(b'store = "s3://bucket/prefix"', PATH).store == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'stroe = "x"', "stroe"),
        (b'[trust]\nfingerprint = "x"', "trust.fingerprint"),
        (b"store = 3", "store"),
        (b'store = ""', "store"),
        (b'keys = "x"', "keys"),
        (b"[keys]\nowner = 1", "keys.owner"),
        (b"store = ", "Invalid value"),
        (b'store = "a"\nstore = "b"', "overwrite"),
        (b"\xff", "utf-8"),
    ],
)
def test_what_is_wrong_is_named(text: bytes, place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        parse_settings(text, PATH)


@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_a_clear_error(data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        parse_settings(data, PATH)
