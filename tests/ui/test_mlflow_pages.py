"""What a model owner meets in MLflow's own pages: each way to promote there asks the gate, and its answer can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..attacks.registry import Side, eventually, fresh  # noqa: TID252 - tests are no package that has a name

pytestmark = [pytest.mark.ui, pytest.mark.mlflow, pytest.mark.slow]

Shot = Callable[..., None]


def open_version(page: Any, side: Side, name: str, version: str) -> None:
    page.goto(f"{side.server.url}/#/models/{name}/versions/{version}")
    page.get_by_role("heading", name=f"Version {version}").wait_for()


def add_alias(page: Any, alias: str) -> None:
    page.get_by_role("button", name="Add").first.click()
    box = page.get_by_role("dialog").get_by_role("combobox")
    box.click()
    box.type(alias)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save aliases").click()


def test_the_alias_dialog(page: Any, side: Side, shot: Shot) -> None:
    name = fresh("credit")
    evil, good = side.version(name, attested=False), side.version(name, attested=True)
    open_version(page, side, name, evil)
    add_alias(page, "production")
    alert = page.get_by_role("dialog").get_by_text("attestflow blocked")
    alert.wait_for()
    shot("alias-refused")
    said = alert.inner_text()
    assert "content-attested: the bytes" in said
    assert "are not attested by pipeline" in said
    assert "hint:" in said
    assert side.aliases(name) == {}

    open_version(page, side, name, good)
    page.reload()
    add_alias(page, "production")
    page.get_by_role("dialog").wait_for(state="hidden")
    shot("alias-set")
    assert side.aliases(name) == {"production": good}


def test_the_stage_menu(page: Any, side: Side, shot: Shot) -> None:
    name = fresh("credit")
    evil, good = side.version(name, attested=False), side.version(name, attested=True)

    def ask(version: str) -> None:
        open_version(page, side, name, version)
        page.get_by_text("None", exact=True).first.click()
        page.get_by_text("Production", exact=True).last.click()
        page.get_by_role("button", name="OK").click()

    open_version(page, side, name, evil)
    page.get_by_role("switch").click()  # stages stand in the classic pages
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    ask(evil)
    page.get_by_text("attestflow blocked").first.wait_for()
    shot("stage-refused")
    assert side.client.get_model_version(name, evil).current_stage == "None"
    page.reload()
    ask(good)
    assert eventually(lambda: side.client.get_model_version(name, good).current_stage == "Production")
    shot("stage-set")


def test_promote_model(page: Any, side: Side, shot: Shot) -> None:
    """The button copies a version into another registered model; here every version of that one is served."""
    draft, live = fresh("draft"), fresh("live")
    evil, good = side.version(draft, attested=False), side.version(draft, attested=True)
    side.client.create_registered_model(live)
    # A version that was promoted before has the gate's notices, which a copy brings along.
    side.client.set_model_version_tag(draft, good, "attestflow.papers", "")

    def ask(version: str) -> None:
        open_version(page, side, draft, version)
        page.get_by_role("button", name="Promote model").click()
        dialog = page.get_by_role("dialog")
        box = dialog.get_by_role("combobox").first
        box.click()
        box.type(live)
        page.get_by_role("option", name=live).first.wait_for(state="attached")
        page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Promote").click()

    ask(evil)
    page.get_by_text("attestflow blocked").first.wait_for()
    shot("promote-refused")
    assert list(side.client.search_model_versions(f"name = '{live}'")) == []
    page.reload()
    ask(good)
    assert eventually(lambda: len(list(side.client.search_model_versions(f"name = '{live}'"))) == 1)
    shot("promote-done")


def test_the_verdict_is_a_click_away(page: Any, side: Side, shot: Shot) -> None:
    name = fresh("credit")
    good = side.version(name, attested=True)
    side.client.set_registered_model_alias(name, "production", good)
    assert eventually(lambda: "PASSED" in (side.client.get_model_version(name, good).description or ""))
    open_version(page, side, name, good)
    page.get_by_text("PASSED by policy production").first.wait_for()
    shot("version-with-verdict")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="verdict").click()
    opened.value.get_by_text("findingsDigest").first.wait_for()
    shot("verdict", opened.value)
