from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from attestflow.errors import SubjectError
from attestflow.mlbom.description import Port
from attestflow.mlbom.mlmodel import parse_mlmodel

BASE = b"flavors:\n  python_function:\n    loader_module: x\n"
BOMB = b"metadata:\n  a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"  %c: &%c [%s]\n" % (char, char, b", ".join([b"*%c" % (char - 1)] * 9)) for char in range(ord("b"), ord("q"))
)


def test_real_file(asset_model: Path) -> None:
    mlmodel = parse_mlmodel((asset_model / "MLmodel").read_bytes())
    assert mlmodel.framework is not None
    assert (mlmodel.framework.name, mlmodel.framework.version) == ("sklearn", "1.9.1")
    assert mlmodel.texts["model_uuid"] == "9de01fd22600405f9c19531198ff30a5"
    assert mlmodel.inputs == (Port(None, "array(double)"),)
    assert mlmodel.outputs == (Port(None, "double"),)


def test_signature_types() -> None:
    columns = (
        '[{"type": "long", "name": "a", "required": false},'
        ' {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}},'
        ' {"type": "object", "properties": {"k": {"type": "array", "items": {"type": "string"}}, "m": {"type": "any"}}},'
        ' {"type": "map", "values": {"type": "double"}}]'
    )
    mlmodel = parse_mlmodel(BASE + yaml.safe_dump({"signature": {"inputs": columns}}).encode())
    assert mlmodel.inputs == (
        Port("a", "long", False),
        Port(None, "tensor(float32[-1, 3])"),
        Port(None, "object(k: array(string), m: any)"),
        Port(None, "map(double)"),
    )
    assert mlmodel.outputs is None


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(BOMB, id="alias bomb in metadata"),
        pytest.param(b"metadata: {1: 2, x: .nan, y: !!binary aGk=}\n", id="odd keys and values in metadata"),
        pytest.param(b"? [a, b]\n: c\n", id="key that is a list"),
    ],
)
def test_what_is_not_read_is_not_built(extra: bytes) -> None:
    assert parse_mlmodel(BASE + extra) == parse_mlmodel(BASE)


def test_versions_stay_as_they_are_written() -> None:
    mlmodel = parse_mlmodel(b"flavors:\n  sklearn: {sklearn_version: 1.10}\n")
    assert mlmodel.framework is not None
    assert mlmodel.framework.version == "1.10"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"flavors: " + b"[" * 100_000, "nested too deep"),
        (BASE + b"metadata: " + b"{a: " * 5000, "nested too deep"),
        (BASE + b"metadata: [" + b"a," * 100_000 + b"]\n", "more than 50000 values"),
        (BASE + b"signature:\n  inputs: '" + b"[" * 50_000 + b"'\n", "nested deeper"),
        (BASE + b"signature: [1]\n", "signature is no map"),
        (BASE + b"signature: {inputs: [1]}\n", "no JSON text"),
        (BASE + b"signature: {inputs: '{}'}\n", "no list"),
        (BASE + b"signature: {inputs: '[1]'}\n", "is no object"),
        (BASE + b'signature: {inputs: \'[{"type": "tensor"}]\'}\n', "tensor-spec"),
        (BASE + b'signature: {inputs: \'[{"type": "object"}]\'}\n', "properties"),
        (BASE + b'signature: {inputs: \'[{"type": "long", "required": 1}]\'}\n', "no boolean"),
        (BASE + b'signature: {inputs: \'[{"type": "long", "type": "long"}]\'}\n', "twice"),
        (BASE + b'signature: {inputs: \'[{"type": "long", "name": "a\\u001bb"}]\'}\n', "control characters"),
        (BASE + b'run_id: "\\ud800"\n', "surrogate"),
        (BASE + b'run_id: "a\\x07b"\n', "control characters"),
        (BASE + 'run_id: "a\u202eb"\n'.encode(), "hides what the text says"),
        (BASE + b"run_id: " + b"9" * 5000 + b"\n", "characters long"),
        (BASE + b"run_id: {a: b}\n", "is no text"),
        (BASE + b"run_id: a\nrun_id: b\n", "twice"),
        (BASE + b"flavors:\n  x: {}\n", "twice"),
        (BASE + b"run_id: !!python/object/apply:os.system [id]\n", "refused|no text"),
        (BASE + b"run_id: !!binary aGk=\n", "refused"),
        (BASE + b"---\na: b\n", "another document"),
        (b"flavors:\n  a: &a {task: y}\n  b: *a\n", "aliases are refused"),
        (b"flavors:\n  1: {task: b}\n", "not text"),
        (b"flavors:\n  a: b\n", "is no map"),
        (b'flavors:\n  "a\\e[2J": {}\n', "control characters"),
        (b"flavors: {}\n", "no flavors"),
        (b"mlflow_version: 3\n", "no flavors"),
        (b"[]", "no YAML map"),
        (b"", "no YAML map"),
        (b"flavors: \xff", "not UTF-8 at byte 9"),
        (b"a" * 5_000_000, "at most"),
    ],
)
def test_hostile_files_are_a_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(SubjectError, match=message) as caught:
        parse_mlmodel(data)
    assert caught.value.message.startswith("MLmodel: ")
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_model_or_an_error(data: bytes) -> None:
    for document in (data, BASE + data):
        with contextlib.suppress(SubjectError):
            parse_mlmodel(document)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_any_metadata_that_mlflow_may_write_is_left_out(value: object) -> None:
    document = yaml.safe_dump(
        {"flavors": {"sklearn": {"task": "t", "config": value}}, "metadata": {"x": value, "y": value}}
    )
    mlmodel = parse_mlmodel(document.encode())
    assert mlmodel.framework is not None
    assert dict(mlmodel.framework.values) == {"task": "t"}
