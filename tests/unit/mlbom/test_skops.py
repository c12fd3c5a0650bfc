from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.mlbom import skops

LINEAR = {"__class__": "LinearRegression", "__module__": "sklearn.linear_model._base"}


def archive(*members: tuple[str, object]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, value in members:
            zipped.writestr(name, value if isinstance(value, (str, bytes)) else json.dumps(value))
    return buffer.getvalue()


def pipeline(*steps: object) -> dict[str, object]:
    pairs = [{"content": [{"__class__": "str", "__module__": "builtins"}, step]} for step in steps]
    return {
        "__class__": "Pipeline",
        "__module__": "sklearn.pipeline",
        "content": {"content": {"steps": {"content": pairs}}},
    }


def test_real_file(asset_model: Path) -> None:
    assert skops.architecture((asset_model / "model.skops").read_bytes()) == ("sklearn.linear_model.LinearRegression",)


def test_pipeline_and_its_steps() -> None:
    passthrough = {"__class__": "str", "__module__": "builtins"}
    data = archive(("schema.json", pipeline(passthrough, {"__class__": "A", "__module__": "b._c.d"}, LINEAR)))
    assert skops.architecture(data) == ("sklearn.pipeline.Pipeline", "b.d.A", "sklearn.linear_model.LinearRegression")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        archive(("other.json", LINEAR)),
        archive(("schema.json", b"{")),
        archive(("schema.json", b"[" * 100_000)),
        archive(("schema.json", [1])),
        archive(("schema.json", {"__class__": "A\x1b[2J", "__module__": "b"})),
        archive(("schema.json", {"__class__": "A", "__module__": 1})),
        archive(("schema.json", pipeline())),
        archive(("schema.json", pipeline({"__class__": "A"}))),
        archive(("schema.json", {"__class__": "A" * 300, "__module__": "b"})),
    ],
)
def test_what_is_not_understood_says_nothing(data: bytes) -> None:
    assert skops.architecture(data) is None


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_schemas_say_nothing() -> None:
    assert skops.architecture(archive(("schema.json", LINEAR))) is not None
    assert skops.architecture(archive(("schema.json", LINEAR), ("schema.json", pipeline(LINEAR)))) is None


def test_zip_bomb_is_not_unpacked() -> None:
    bomb = archive(("schema.json", b" " * (skops.MAX_SCHEMA + 1) + json.dumps(LINEAR).encode()))
    assert len(bomb) < 100_000
    assert skops.architecture(bomb) is None


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert skops.architecture(data) is None


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_damage(position: int, value: int) -> None:
    data = bytearray(archive(("schema.json", LINEAR)))
    data[position % len(data)] = value
    assert skops.architecture(bytes(data)) in {None, ("sklearn.linear_model.LinearRegression",)}
