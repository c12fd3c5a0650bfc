"""Fuzz the JSON and YAML readers and the trust root's parser: python fuzz_documents.py CORPUS -max_total_time=60."""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["attestflow", "yaml"]):
    from attestflow.documents import canonical_json, parse_json, parse_yaml, shown
    from attestflow.errors import ConfigurationError, MalformedStatement
    from attestflow.verification.trust_root import TrustRoot


def one_input(data: bytes) -> None:
    """Read as JSON, as YAML and as a trust root; show it."""
    with contextlib.suppress(MalformedStatement):
        value = parse_json(data, "x")
        assert parse_json(canonical_json(value), "x") == value
    with contextlib.suppress(ConfigurationError):
        parse_yaml(data, "x", error=ConfigurationError)
    with contextlib.suppress(ConfigurationError):
        TrustRoot.parse(data)
    assert shown(data.decode("utf-8", "surrogateescape")).isprintable()


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
