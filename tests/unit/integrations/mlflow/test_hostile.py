"""What a tracking server says, before it is signed."""

from __future__ import annotations

import time

import pytest

from attestflow.integrations.mlflow.registration.hostile import MAX_ENTRIES, allowed, name_of, public_text


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("https://user:pw@example.com/a?b=c#d", "https://example.com/a"),
        ("see s3://key:secret@bucket/x?sig=1 and ftp://u@h/y", "see s3://bucket/x and ftp://h/y"),
        ("https://medium.com/@user/x", "https://medium.com/@user/x"),
        ("no url: a@b?c", "no url: a@b?c"),
        ("", ""),
    ],
)
def test_urls_keep_no_secret(text: str, public: str) -> None:
    assert public_text(text) == public


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWD", "aws_secret", "apiKey", "api_key", "hf_token", "my.auth_token", "credentials"]
)
def test_names_of_secrets(name: str) -> None:
    assert allowed({name: "x"}) == ({}, 1)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "pad_token", "num_keys", "monkey", "lr"])
def test_names_of_parameters(name: str) -> None:
    assert allowed({name: "x"}) == ({name: "x"}, 0)


def test_bounds() -> None:
    assert allowed({"a": "x" * 1001, "b" * 251: "x", "c\u202e": "x", "d": "\x1b[2J", "e": ""}) == ({"e": ""}, 4)
    kept, left = allowed({f"p{number:05}": "1" for number in range(MAX_ENTRIES + 5)})
    assert (len(kept), left) == (MAX_ENTRIES, 5)


def test_names() -> None:
    assert name_of("x" * 300, "y") == "x" * 250
    assert name_of("\x00", "y") == name_of("", "y") == "y"


@pytest.mark.parametrize("text", ["a" * 64_000, "a:" * 32_000, "a://" * 16_000, "http://" + "a@" * 30_000])
def test_long_text_costs_little(text: str) -> None:
    before = time.monotonic()
    public_text(text)
    assert time.monotonic() - before < 1
