"""The page that an owner reads, in a real browser: at a desk, on a phone, in the dark, and with names that attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestflow.differences import Change, Differences
from attestflow.rendering.html import html

from ..unit.rendering.story import HOSTILE, denied, excepted, hostile, passed  # noqa: TID252 - tests have no name

pytestmark = pytest.mark.ui

CHANGED = Differences(
    {
        "data": (Change("sales/", "tree:sha256:" + "a" * 64, "tree:sha256:" + "b" * 64),),
        "code": (Change("git+https://github.com/acme/train", "c" * 40, "d" * 40),),
        "libraries": (Change("torch", "2.5.1", "2.6.0"), Change("extra-tools", None, "1.0")),
        "metrics": (Change("accuracy", "0.91", "0.93"),),
    },
    (),
)
WIDTHS = {"desk": 1280, "phone": 390}


@pytest.fixture
def show(page: Any, tmp_path: Path) -> Callable[[str], list[str]]:
    """Open a page of ours; what it tried to run or load."""

    def open_page(text: str) -> list[str]:
        noticed: list[str] = []
        page.on("dialog", lambda dialog: (noticed.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: noticed.append(request.url))
        page.on("pageerror", lambda error: noticed.append(str(error)))
        page.on("console", lambda said: noticed.append(said.text) if said.type == "error" else None)
        path = tmp_path / "verdict.html"
        path.write_text(text, encoding="utf-8")
        page.goto(path.as_uri())
        page.wait_for_timeout(200)
        return [each for each in noticed if each != path.as_uri()]

    return open_page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("story", ["denied", "excepted", "passed"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page(
    page: Any,
    show: Callable[[str], list[str]],
    shot: Callable[..., None],
    tmp_path: Path,
    width: str,
    story: str,
    scheme: str,
) -> None:
    verdict, lineage = passed(tmp_path) if story == "passed" else denied(tmp_path)
    verdict = excepted(verdict) if story == "excepted" else verdict
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[width], "height": 844})
    assert show(html(verdict, lineage, CHANGED)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    word = page.locator(".word")
    assert word.is_visible()
    for finding in (*verdict.denials, *verdict.excepted):
        card = page.locator("article", has_text=finding.message)
        assert card.first.is_visible()
    if story == "denied":  # the first thing that an owner must know is on the first screen
        first = page.locator("article.denied p").first.bounding_box()
        assert first["y"] + first["height"] < 844
    low = page.evaluate(CONTRAST)
    assert low == [], low
    shot(f"verdict-{story}-{width}-{scheme}", full_page=True)


def test_names_that_attack_are_text(
    page: Any, show: Callable[[str], list[str]], shot: Callable[..., None], tmp_path: Path
) -> None:
    verdict, lineage = denied(tmp_path)
    page.set_viewport_size({"width": 390, "height": 844})
    changed = replace(CHANGED, sections={"data": (Change(HOSTILE, HOSTILE, HOSTILE),)})
    assert show(html(hostile(verdict), lineage, changed)) == []
    assert page.locator("script, img, a, iframe, svg").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    assert page.title().startswith("Denied: </title></style><script>alert(1)</script>")
    shot("verdict-hostile-phone")


# WCAG 2.2, 1.4.3: text that is less than 4.5 to 1 against what lies behind it.
CONTRAST = """() => {
  const part = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const light = c => {
    const [r, g, b] = c.match(/[0-9.]+/g).slice(0, 3).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = el => {
    for (; el; el = el.parentElement) {
      const c = getComputedStyle(el).backgroundColor;
      if (c.startsWith('rgb(')) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const bad = [];
  for (const el of document.querySelectorAll('body *')) {
    if (![...el.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(getComputedStyle(el).color), light(behind(el))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${el.tagName}.${el.className}: ${ratio.toFixed(2)}`);
  }
  return bad;
}"""
