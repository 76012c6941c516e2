"""No page scrolls sideways in a narrow window, however long the words are that callers wrote."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from contract.client import newcomer
from serving import Served, serving
from studio.browser import Tab, empty_account, link, new_tab, until_ready
from studio.states import STATES, PageState

ACCOUNT = "w" * 63
"""Words of the widest letters, without a place to break them, as long as each may be."""

TEMPLATE = "w" * 60
PROMPT = "W" * 1024
LONG_ADDRESS = f"https://receiver.example.com/{'w' * 1900}"
WIDTH = 320
"""A 1280 px window at 400 % zoom."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server and a finished task on it, whose account has long values in every table."""
    with serving(tmp_path_factory.mktemp("narrow"), account_tasks="1000") as served:
        yield served, _fill(served)


def _fill(served: Served) -> str:
    """The id of a finished task of the account. Called before the browser starts, whose event loop allows no other."""
    client = newcomer(served, name=ACCOUNT, credits=1_000_000_000, scopes=("generate", "read", "webhooks", "admin"))

    def send(path: str, method: str = "POST", **fields: Any) -> None:
        assert client.call(method, path, json.dumps(fields).encode(), {"Content-Type": "application/json"}).data

    of = f"/admin/accounts/{ACCOUNT}"
    send(f"{of}/keys", name="W" * 100, credits=1_000_000, credits_per_day=100_000)
    send(f"{of}/grants", credits=123_456_789, note="W" * 200)
    send("/v1/webhooks", url=LONG_ADDRESS)
    send(f"/v1/templates/{TEMPLATE}", "PUT", title="W" * 80, summary="W" * 300, text="W" * 2000)
    client.done(prompt=PROMPT, file={"type": "png", "url": f"https://127.0.0.1/{'w' * 1900}"})
    return str(client.done(prompt=PROMPT, template=TEMPLATE)["task_id"])


@pytest.fixture(scope="module")
def tab(filled: tuple[Served, str], browser: Browser) -> Iterator[Tab]:
    with browser.new_context(viewport={"width": WIDTH, "height": 640}) as context:
        opened = new_tab(context, filled[0])
        opened.page.goto(link(filled[0], "--operator", "--account", ACCOUNT))
        yield opened


@pytest.fixture(scope="module")
def beginner(filled: tuple[Served, str], browser: Browser) -> Iterator[Tab]:
    with browser.new_context(viewport={"width": WIDTH, "height": 640}) as context:
        opened = new_tab(context, filled[0])
        opened.page.goto(link(filled[0], "--operator", "--account", empty_account(filled[0])))
        yield opened


MORE = (PageState("template-of-ones-own", f"/templates/{TEMPLATE}"),)


@pytest.mark.parametrize("state", [*STATES, *MORE], ids=lambda state: state.name)
def test_no_page_scrolls_sideways(tab: Tab, beginner: Tab, filled: tuple[Served, str], state: PageState) -> None:
    tab = beginner if state.newcomer else tab
    tab.open(state.path.format(task=filled[1]))
    until_ready(tab.page)
    if state.open:
        state.open(tab.page)

    assert _wider_than_the_window(tab.page) == []


def _wider_than_the_window(page: Page) -> list[str]:
    """The width of a page that scrolls, and its elements that reach past the window outside of scrolling boxes."""
    found: list[str] = page.evaluate(
        """() => {
            const inBox = (each) => each && each !== document.body &&
                (getComputedStyle(each).overflowX !== 'visible' || inBox(each.parentElement));
            const wide = (each) => each.getBoundingClientRect().right > innerWidth + 1 && !inBox(each.parentElement);
            return document.documentElement.scrollWidth <= innerWidth ? [] :
                [`page: ${document.documentElement.scrollWidth}`].concat([...document.querySelectorAll('body *')]
                    .filter(wide).map((each) => `${each.tagName}#${each.id}.${each.className}`));
        }"""
    )
    return found[:6]
