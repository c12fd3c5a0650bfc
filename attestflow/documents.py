"""Strict JSON and YAML from untrusted bytes: bounded in size and depth, no duplicate keys, nothing left to guess."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attestflow.errors import AttestflowError, MalformedStatement

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64


def parse_json(
    data: bytes,
    what: str,
    *,
    max_bytes: int = MAX_BYTES,
    error: type[AttestflowError] = MalformedStatement,
) -> Any:
    """The value of a JSON text (RFC 8259, UTF-8, no byte order mark).

    Raises `error` naming `what` and the place where it is too large (`max_bytes`), nested deeper than 64, holds a
    duplicate key, a number that JSON lacks (NaN, Infinity), a lone surrogate, or is no JSON at all.
    """
    if len(data) > max_bytes:
        raise error(f"{what}: {len(data)} bytes, at most {max_bytes} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise error(f"{what}: not UTF-8 at byte {exc.start}") from None

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
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


def parse_yaml(data: bytes, what: str, *, max_bytes: int = 1024 * 1024, error: type[AttestflowError]) -> Any:
    """The value of one YAML 1.1 document of plain scalars, lists and maps with string keys.

    Raises `error` with line and column for duplicate keys, anchors and aliases, tags, several documents, and whatever
    `parse_json` refuses. Dates stay strings.
    """
    import yaml

    if len(data) > max_bytes:
        raise error(f"{what}: {len(data)} bytes, at most {max_bytes} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise error(f"{what}: not UTF-8 at byte {exc.start}") from None
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
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML has no types here
                raise yaml.composer.ComposerError(None, None, "anchors and aliases are refused", event.start_mark)
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
    if node.tag not in {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}:
        raise error(f"{what}: tag {shown(node.tag)} is refused at {place}")
    value = yaml.SafeLoader("").construct_object(node)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise error(f"{what}: a number that is not finite at {place}")
    return value
