"""predicates.fields: each reader names the place."""

from __future__ import annotations

from typing import Any

import pytest

from attestflow.errors import MalformedStatement
from attestflow.predicates import fields

HEX = "0a" * 32


@pytest.mark.parametrize(
    ("reader", "good", "bad"),
    [
        (fields.mapping, {}, [None, [], "x", 1]),
        (fields.text, "x", [None, "", 1, ["x"]]),
        (fields.items, [], [None, {}, "x"]),
        (fields.hex_digest, HEX, [None, "", HEX.upper(), HEX[:-1], HEX + "\n", 1, ["0a"]]),
    ],
)
def test_required_fields(reader: Any, good: Any, bad: list[Any]) -> None:
    assert reader({"f": good}, "f", "predicate") == good
    for value in bad:
        with pytest.raises(MalformedStatement, match=r"^predicate\.f: "):
            reader({"f": value}, "f", "predicate")
    with pytest.raises(MalformedStatement, match=r"^predicate\.f: missing"):
        reader({}, "f", "predicate")


def test_optional_fields() -> None:
    assert fields.optional_text({}, "f", "p") is None
    assert fields.optional_text({"f": ""}, "f", "p") is None
    assert fields.optional_mapping({}, "f", "p") == {}
    assert fields.optional_items({"f": None}, "f", "p") == []
    for reader, value in ((fields.optional_text, 0), (fields.optional_mapping, []), (fields.optional_items, {})):
        with pytest.raises(MalformedStatement, match=r"^p\.f: "):
            reader({"f": value}, "f", "p")


def test_choices_texts_and_descriptors() -> None:
    assert fields.choice({"f": "a"}, "f", "p", ("a", "b")) == "a"
    with pytest.raises(MalformedStatement, match="none of a, b"):
        fields.choice({"f": "A"}, "f", "p", ("a", "b"))
    assert fields.texts({"f": ["a"]}, "f", "p") == ("a",)
    for value in (["a", 1], [""], [None]):
        with pytest.raises(MalformedStatement):
            fields.texts({"f": value}, "f", "p")
    with pytest.raises(MalformedStatement, match=r"p\.f\[1\]"):
        fields.descriptors({"f": [{"name": "a"}, {"nme": "b"}]}, "f", "p")
    with pytest.raises(MalformedStatement, match="unknown field"):
        fields.no_others({"a": 1, "x\x1b": 2}, frozenset({"a"}), "p")
