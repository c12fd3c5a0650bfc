from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestflow.mlbom.description import Licence
from attestflow.mlbom.licences import _CLASSIFIERS, _TEXTS, licence_of
from attestflow.mlbom.spdx import spdx_expression

APACHE = "License :: OSI Approved :: Apache Software License"
MIT = "License :: OSI Approved :: MIT License"
BSD = "License :: OSI Approved :: BSD License"


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "expected"),
    [
        ("MIT OR Apache-2.0", "ignored", [BSD], Licence("MIT OR Apache-2.0", (), "License-Expression")),
        ("LicenseRef-Ours", None, [], Licence("LicenseRef-Ours", (), "License-Expression")),
        ("Mine", None, [MIT], Licence(None, ("Mine",), "License-Expression")),
        (None, "BSD-3-Clause", [BSD], Licence("BSD-3-Clause", (), "License")),
        (None, "Apache License, Version 2.0", [APACHE], Licence("Apache-2.0", (), "License")),
        (None, "3-Clause BSD License", [], Licence("BSD-3-Clause", (), "License")),
        (None, "Copyright 2018 Someone", [APACHE], Licence(None, ("Apache Software License",), "classifier")),
        (None, None, [MIT], Licence("MIT", (), "classifier")),
        (None, "UNKNOWN", [BSD], Licence(None, ("BSD License",), "classifier")),
        (None, None, [MIT, BSD], Licence(None, ("MIT License", "BSD License"), "classifier")),
        (None, None, ["License :: OSI Approved", "Topic :: Games"], None),
        (None, "BSD", [], Licence(None, ("BSD",), "License")),
        (None, "MIT License\n\nCopyright (c) …\n", [], Licence(None, ("MIT License",), "License")),
        (None, "A long text\nthat is no name", [], None),
        (None, "evil\x1b[2J", [], None),
        (None, "", [], None),
    ],
)
def test_only_what_is_certain_becomes_an_expression(
    expression: str | None, text: str | None, classifiers: list[str], expected: Licence | None
) -> None:
    assert licence_of(expression, text, classifiers) == expected


def test_tables_hold_valid_identifiers() -> None:
    for identifier in [*_CLASSIFIERS.values(), *_TEXTS.values()]:
        assert spdx_expression(identifier) == identifier


@pytest.mark.parametrize(
    "good",
    [
        "MIT",
        " MIT ",
        "(MIT AND Apache-2.0) OR GPL-2.0-only WITH Classpath-exception-2.0",
        "Apache-2.0+",
        "LicenseRef-x OR MIT",
        "DocumentRef-a:LicenseRef-b",
    ],
)
def test_valid_expressions(good: str) -> None:
    assert spdx_expression(good) == good.strip()


@pytest.mark.parametrize(
    "bad",
    [
        *(
            "",
            " ",
            "mit",
            "MIT and Apache-2.0",
            "MIT AND",
            "MIT WITH MIT",
            "Apache 2.0",
            "MIT AND Mine",
            "()",
            "(MIT",
            "+",
        ),
        *("MIT\x00", "MIT\nOR MIT", "LicenseRef-", "LicenseRef-é", "(" * 500, "MIT OR " * 400 + "MIT"),
    ],
)
def test_invalid_expressions(bad: str) -> None:
    assert spdx_expression(bad) is None


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["MIT", "OR", "AND", "WITH", "(", ")", "+", "LicenseRef-a"])).map(" ".join)
)
def test_any_text(text: str) -> None:
    found = spdx_expression(text)
    assert found is None or found == text.strip()
