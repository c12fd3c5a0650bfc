"""documents: strict JSON and YAML; hostile input ends in the documented error, quickly."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from attestflow.documents import MAX_DEPTH, canonical_json, escaped, parse_json, parse_yaml, shown
from attestflow.errors import ConfigurationError, MalformedStatement, StoreError

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALAR = (
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(VALUE)
def test_json_that_we_write_is_read_back(value: Any) -> None:
    assert parse_json(canonical_json(value), "x") == value


@given(VALUE)
def test_canonical_json_is_one_byte_string_for_one_value(value: Any) -> None:
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


@given(st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-999, 999) | TEXT, max_size=5))
def test_yaml_that_a_library_writes_is_read_back(value: dict[str, Any]) -> None:
    data = yaml.safe_dump(value).encode()
    assert parse_yaml(data, "x", error=ConfigurationError) == value


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_end_in_the_one_error(data: bytes) -> None:
    with contextlib.suppress(ConfigurationError):
        parse_json(data, "x", error=ConfigurationError)
    with contextlib.suppress(ConfigurationError):
        parse_yaml(data, "x", error=ConfigurationError)


@given(st.text(alphabet="{}[]:,&*!|>'\"%@`#-?~<=.0123456789abxoe+_\\ \n\tU", max_size=60))
def test_yaml_made_of_its_own_punctuation_ends_in_the_one_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parse_yaml(text.encode(), "x", error=ConfigurationError)


HOSTILE_JSON = {
    "empty": b"",
    "not UTF-8": b'"\xff"',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "cut off": b'{"a": [1, 2',
    "two values": b"{} {}",
    "trailing comma": b"[1,]",
    "comment": b"{} // x",
    "single quotes": b"{'a': 1}",
    "duplicate key": b'{"a": 1, "b": 2, "a": 3}',
    "duplicate key by escape": b'{"a": 1, "\\u0061": 2}',
    "duplicate key far down": b'{"x": [{"y": {"a": 1, "a": 1}}]}',
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "huge float": b"[1e999]",
    "huge integer": b"[" + b"9" * 5000 + b"]",
    "lone surrogate": b'"\\ud800"',
    "lone surrogate in a key": b'{"\\udc00": 1}',
    "control character": b'"\x01"',
    "too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "far too deep": b"[" * 1_900_000,
    "objects far too deep": b'{"a":' * 1_900_000,
    "lists without end": b"[" + b"[]," * 2_500_000 + b"[]]",
    "100 MB of blanks": b" " * 100_000_000,
    "100 MB of text": b'"' + b"x" * 100_000_000 + b'"',
    "10 MB of digits": b"1" * 10_000_000,
    "duplicate at the end of many": b"{" + b"".join(b'"%d":0,' % index for index in range(500_000)) + b'"499999":1}',
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_refused_quickly(name: str) -> None:
    start = time.process_time()
    with pytest.raises(MalformedStatement, match=r"^thing: ") as caught:
        parse_json(HOSTILE_JSON[name], "thing")
    assert time.process_time() - start < 5
    assert len(caught.value.message) < 400
    with pytest.raises(StoreError):
        parse_json(HOSTILE_JSON[name], "thing", error=StoreError)


def test_depth_at_the_bound_is_read() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "x")


def test_the_place_of_an_error_is_named() -> None:
    with pytest.raises(MalformedStatement, match="at line 2 column 3"):
        parse_json(b"[1,\n  x]", "thing")
    with pytest.raises(MalformedStatement, match='key "a" stands twice'):
        parse_json(b'{"a": 1, "a": 1}', "thing")
    with pytest.raises(ConfigurationError, match='key "a" stands twice at line 2 column 1'):
        parse_yaml(b"a: 1\na: 2\n", "thing", error=ConfigurationError)
    with pytest.raises(ConfigurationError, match="line 4 column 1"):
        parse_yaml(b"a: 1\nb:\n  - [\n", "thing", error=ConfigurationError)


HOSTILE_YAML = {
    "alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "anchor without alias": b"a: &x 1\n",
    "merge key": b"a: {b: 1}\n<<: {c: 2}\n",
    "python tag": b"!!python/object/apply:os.system [id]\n",
    "int tag": b"a: !!int x\n",
    "bool tag": b"a: !!bool x\n",
    "str tag": b"a: !!str 5\n",
    "tag without name": b"a: ! 5\n",
    "set": b"!!set {a}\n",
    "binary": b"a: !!binary aGk=\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "duplicate": b"a: 1\na: 2\n",
    "duplicate in flow": b"a: {b: 1, b: 1}\n",
    "number as key": b"1: 2\n",
    "null as key": b"~: 2\n",
    "list as key": b"? [a]\n: b\n",
    "octal": b"a: 017\n",
    "underscores": b"a: 1_000\n",
    "hexadecimal": b"a: 0x1f\n",
    "hexadecimal without digits": b"a: 0x_\n",
    "binary without digits": b"a: -0b_\n",
    "base sixty": b"a: 190:20:30\n",
    "base sixty with fraction": b"a: 190:20:30.15\n",
    "infinity": b"a: .inf\n",
    "not a number": b"a: .NaN\n",
    "huge": b"a: 1.0e+400\n",
    "many digits": b"a: " + b"1" * 5000 + b"\n",
    "yes": b"a: yes\n",
    "on": b"a: on\n",
    "no such character": b'a: "\\UFFFFFFFF"\n',
    "beyond Unicode": b'a: "\\U00110000"\n',
    "lone surrogate": b'a: "\\ud800"\n',
    "control character": b"a: \x07\n",
    "tab": b"\ta: 1\n",
    "too deep": b"[" * 65 + b"]" * 65,
    "far too deep": b"[" * 200_000,
    "blocks too deep": b"- " * 100_000,
    "too large": b"#" * 300_000,
    "100 MB": b"a" * 100_000_000,
    "not UTF-8": b"a: \xff\n",
    "line break that only some see": "# harmless\u2028rules: []\n".encode(),
    "next line": "a: b\x85c: d\n".encode(),
    "bidirectional override": "a: b # \u202e\n".encode(),
    "bidirectional isolate": "a: \u2066b\n".encode(),
    "directive": b"%YAML 9.9\n---\na: 1\n",
}


@pytest.mark.parametrize("name", HOSTILE_YAML)
def test_hostile_yaml_is_refused_quickly(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ConfigurationError, match=r"^thing: "):
        parse_yaml(HOSTILE_YAML[name], "thing", error=ConfigurationError)
    assert time.process_time() - start < 5


def test_the_largest_yaml_is_read_in_bounded_time() -> None:
    data = b"[" + b"1," * 130_000 + b"1]"
    start = time.process_time()
    assert len(parse_yaml(data, "x", error=ConfigurationError)) == 130_001
    assert time.process_time() - start < 20


def test_yaml_scalars_keep_what_they_say() -> None:
    data = b'time: 2026-01-01T00:00:00Z\nday: 2026-01-01\nversion: 3\nratio: 0.5\nyes_: "yes"\nnone: null\nempty:\nflag: false\n'
    assert parse_yaml(data, "x", error=ConfigurationError) == {
        "time": "2026-01-01T00:00:00Z",
        "day": "2026-01-01",
        "version": 3,
        "ratio": 0.5,
        "yes_": "yes",
        "none": None,
        "empty": None,
        "flag": False,
    }


@given(st.text(max_size=300))
def test_what_is_shown_can_neither_steer_a_terminal_nor_hide(text: str) -> None:
    assert all(char.isprintable() for char in shown(text))
    assert "\u202e" not in escaped(text)


def test_escapes() -> None:
    assert shown("a\x1b[31m") == '"a\\x1b[31m"'
    assert shown("evil\u202etxt") == '"evil\\u202etxt"'
    assert shown("zero\u200bwidth") == '"zero\\u200bwidth"'
    assert shown("tag\U000e0041") == '"tag\\U000e0041"'
    assert shown("né 模型") == '"né 模型"'
    assert shown("x" * 1000) == '"' + "x" * 200 + '…"'
