"""Strict JSON and YAML from untrusted bytes: bounded in size and depth, no duplicate keys, nothing left to guess."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attestflow.errors import AttestflowError, MalformedStatement

MAX_BYTES = 16 * 1024 * 1024
MAX_YAML_BYTES = 256 * 1024
MAX_DEPTH = 64
# A list of empty lists takes twenty times its text in memory: the number of values is bounded, not only the bytes.
MAX_VALUES = 2_000_000

_HIDING = re.compile("[\x85\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def parse_json(
    data: bytes,
    what: str,
    *,
    max_bytes: int = MAX_BYTES,
    error: type[AttestflowError] = MalformedStatement,
) -> Any:
    """The value of a JSON text (RFC 8259, UTF-8, no byte order mark).

    Raises `error` naming `what` and the place where it is too large (`max_bytes`, or two million values), nested deeper
    than 64, holds a duplicate key, a number that JSON lacks (NaN, Infinity), a lone surrogate, or is no JSON at all.
    """
    text = _text(data, what, max_bytes, error)
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise error(f"{what}: more than {MAX_VALUES} values")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise error(f"{what}: key {shown(twice)} stands twice in one object")
        return seen

    def no_constant(name: str) -> Any:
        raise error(f"{what}: {name} is no JSON number")

    def finite(text: str) -> float:
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise error(f"{what}: the number {text[:40]} is out of range")
        return number

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite)
    except json.JSONDecodeError as exc:
        raise error(f"{what}: {exc.msg} at line {exc.lineno} column {exc.colno}") from None
    except RecursionError:
        raise error(f"{what}: nested deeper than {MAX_DEPTH}") from None
    except ValueError as exc:  # an integer of more digits than Python converts
        raise error(f"{what}: {exc}") from None
    _check_tree(value, what, error)
    return value


def parse_yaml(data: bytes, what: str, *, max_bytes: int = MAX_YAML_BYTES, error: type[AttestflowError]) -> Any:
    """The value of one YAML document of plain scalars, lists and maps with string keys.

    Raises `error` with line and column for duplicate keys, anchors and aliases, tags, several documents, scalars that
    YAML 1.1 and 1.2 read differently (`on`, `017`, `1_000`, `1:30`: quote them), characters that show people another
    document than the one that is read (bidirectional controls, line breaks beyond ASCII), and whatever `parse_json`
    refuses. Dates stay strings.
    """
    import yaml

    text = _text(data, what, max_bytes, error)
    hiding = _HIDING.search(text)
    if hiding is not None:
        line = text.count("\n", 0, hiding.start()) + 1
        raise error(f"{what}: character U+{ord(hiding[0]):04X} at line {line} hides what the text says")
    try:
        root = yaml.compose(text, Loader=_scalar_loader())
        value = None if root is None else _plain(root, what, error, 0)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problem = getattr(exc, "problem", None) or "not YAML"
        raise error(f"{what}: {problem}{place}") from None
    except RecursionError:
        raise error(f"{what}: nested deeper than {MAX_DEPTH}") from None
    except (ValueError, OverflowError):  # an escape of a character that Unicode does not have
        raise error(f"{what}: not YAML") from None
    _check_tree(value, what, error)
    return value


def canonical_json(value: Any) -> bytes:
    """One byte string for one value (sorted keys, no spaces, UTF-8): for documents that we make, never for ones we read."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def shown(value: object, limit: int = 200) -> str:
    """`value` as it may stand in a message: quoted, cut, control and bidirectional characters escaped."""
    text = str(value)
    cut = text if len(text) <= limit else text[:limit] + "…"
    return '"' + escaped(cut) + '"'


def escaped(text: str) -> str:
    """`text` with each character that a terminal would obey or hide (control, format, bidi) written as an escape."""
    import unicodedata

    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() and unicodedata.category(char) not in {"Cf", "Cc", "Cs", "Co", "Zl", "Zp"}
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _text(data: bytes, what: str, max_bytes: int, error: type[AttestflowError]) -> str:
    if len(data) > max_bytes:
        raise error(f"{what}: {len(data)} bytes, at most {max_bytes} are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise error(f"{what}: not UTF-8 at byte {exc.start}") from None


def _check_tree(value: Any, what: str, error: type[AttestflowError]) -> None:
    """Refuse nesting beyond MAX_DEPTH and strings that are no Unicode text (lone surrogates)."""
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise error(f"{what}: nested deeper than {MAX_DEPTH}")
        if isinstance(node, str):
            _check_text(node, what, error)
        elif isinstance(node, Mapping):
            for key, child in node.items():
                _check_text(key, what, error)
                stack.append((child, depth + 1))
        elif isinstance(node, Sequence):
            stack.extend((child, depth + 1) for child in node)


def _check_text(text: str, what: str, error: type[AttestflowError]) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise error(f"{what}: a string holds a lone surrogate") from None


def _scalar_loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader whose timestamps stay text."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def compose_node(self, parent: Any, index: Any) -> Any:
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types here
            if getattr(event, "anchor", None) is not None:
                raise yaml.composer.ComposerError(None, None, "anchors and aliases are refused", event.start_mark)
            if getattr(event, "tag", None) is not None:
                raise yaml.composer.ComposerError(None, None, "tags are refused", event.start_mark)
            return super().compose_node(parent, index)

    return Loader


def _plain(node: Any, what: str, error: type[AttestflowError], depth: int) -> Any:
    import yaml

    mark = node.start_mark
    place = f"line {mark.line + 1} column {mark.column + 1}"
    if depth > MAX_DEPTH:
        raise error(f"{what}: nested deeper than {MAX_DEPTH} at {place}")
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _plain(key_node, what, error, depth + 1)
            at = f"line {key_node.start_mark.line + 1} column {key_node.start_mark.column + 1}"
            if not isinstance(key, str):
                raise error(f"{what}: a key that is not text at {at}")
            if key in result:
                raise error(f"{what}: key {shown(key)} stands twice at {at}")
            result[key] = _plain(value_node, what, error, depth + 1)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, what, error, depth + 1) for child in node.value]
    return _scalar(node.tag.removeprefix("tag:yaml.org,2002:"), node.value, what, place, error)


# What YAML 1.1, YAML 1.2 and JSON read alike. Anything else that PyYAML takes for a number, truth value or null is refused.
_PLAIN = {
    "int": re.compile(r"-?(0|[1-9][0-9]{0,18})"),
    "float": re.compile(r"-?(0|[1-9][0-9]{0,18})\.[0-9]{1,18}([eE][+-][0-9]{1,2})?"),
    "bool": re.compile(r"true|false"),
    "null": re.compile(r"null|~|"),
}


def _scalar(kind: str, text: str, what: str, place: str, error: type[AttestflowError]) -> Any:
    if kind == "str":
        return text
    if kind not in _PLAIN or not _PLAIN[kind].fullmatch(text):
        raise error(f"{what}: {shown(text, 40)} at {place} is read differently by different YAML parsers: quote it")
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    return text == "true" if kind == "bool" else None
