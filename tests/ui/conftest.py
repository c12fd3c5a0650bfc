"""Headless Chromium on MLflow's own pages, in front of our gate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.testing.mlflow_server import mlflow_server

from ..attacks.registry import Side, guarded_settings  # noqa: TID252 - tests are no package that has a name

SCREENSHOTS = os.environ.get("ATTESTFLOW_SCREENSHOTS")  # read now: tests see no setting of this account


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser (scripts/browser.sh)."""
    found = shutil.which("chromium")
    if found is None:
        assert not os.environ.get("CI"), "CI installs chromium by scripts/browser.sh, and it is not there"
        pytest.skip("no chromium here: scripts/browser.sh installs Debian's")
    return found


@pytest.fixture(scope="module")
def side(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A server behind the gate."""
    folder, home = tmp_path_factory.mktemp("ui"), tmp_path_factory.mktemp("home")
    config = guarded_settings(folder, home)
    with mlflow_server(folder / "server", config=config, environ={"ATTESTFLOW_HOME": str(home)}) as server:
        yield Side(server, config, home)


@pytest.fixture
def page(chromium: str) -> Iterator[Any]:
    """A new page."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        opened = browser.new_page(viewport={"width": 1400, "height": 900})
        opened.set_default_timeout(20_000)
        yield opened
        browser.close()


@pytest.fixture
def shot(page: Any, tmp_path: Path) -> Callable[..., None]:
    """Keep a screenshot; in ATTESTFLOW_SCREENSHOTS where that is set, for people to look at."""
    folder = Path(SCREENSHOTS or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str, shown: Any = None, **options: Any) -> None:
        (shown or page).wait_for_timeout(700)  # what slides in has arrived
        (shown or page).screenshot(path=str(folder / f"{name}.png"), **options)

    return keep
