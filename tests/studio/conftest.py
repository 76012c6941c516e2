import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from serving import Served, serving
from studio.browser import WAIT_MS, Tab, chromium, new_tab, running_browser

NO_CHROMIUM = "Chromium is not installed"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: while Playwright runs, its event loop does, and no other test of the process can run one."""
    program = chromium()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_CHROMIUM)
    expect.set_options(timeout=WAIT_MS)
    with running_browser(program) as running:
        yield running


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("studio"), uploads_per_second="1000", account_tasks="1000") as served:
        yield served


@pytest.fixture(params=[{"width": 1280, "height": 800}], ids=["wide"])
def tab(browser: Browser, studio: Served, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A tab of a new browser profile, not signed in; at its end nothing may have gone wrong in it."""
    with browser.new_context(viewport=request.param, accept_downloads=True) as context:
        opened = new_tab(context, studio)
        yield opened
        assert opened.problems == []
