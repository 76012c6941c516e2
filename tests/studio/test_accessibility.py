"""axe-core finds nothing serious on any page, menu or dialog, in both themes, wide and on a phone."""

from collections.abc import Iterator
from itertools import product

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from contract.client import client_of
from serving import Served
from studio.browser import WAIT_MS, empty_account, link, until_ready
from studio.states import STATES, PageState

WIDTHS = {"wide": (1280, 800), "phone": (390, 844)}
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
RULES = {"light": EVERY_RULE, "dark": COLOUR_RULES}
"""What is asked of each theme. The dark one differs in its colours alone."""


@pytest.fixture(scope="module")
def task(studio: Served) -> str:
    return str(client_of(studio).done(prompt="a picture to look at")["task_id"])


@pytest.fixture(scope="module")
def pages(browser: Browser, studio: Served, task: str) -> Iterator[dict[tuple[str, bool], Page]]:
    """A signed-in page of each width, of the account with tasks and of one without any.

    The policy is lifted, since axe is a script that is put into the page.
    """
    contexts = []
    opened = {}
    for (name, (width, height)), newcomer in product(WIDTHS.items(), (False, True)):
        context = browser.new_context(viewport={"width": width, "height": height}, bypass_csp=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(link(studio, "--operator", *(("--account", empty_account(studio)) if newcomer else ())))
        opened[name, newcomer] = page
    yield opened
    for context in contexts:
        context.close()


SETTLED = """Promise.allSettled(document.getAnimations()
    .filter((animation) => animation.effect.getComputedTiming().endTime !== Infinity)
    .map((animation) => animation.finished))"""
"""Ends when nothing fades or moves any more: colours are judged as they stay."""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_axe_finds_nothing_serious(
    studio: Served, pages: dict[tuple[str, bool], Page], task: str, state: PageState, width: str
) -> None:
    page = pages[width, state.newcomer]
    page.goto(f"{studio.url}/studio{state.path.format(task=task)}")
    until_ready(page)
    if state.open:
        state.open(page)
    found = []
    for theme, rules in RULES.items():
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(SETTLED)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found += [_said(theme, each) for each in Axe().run(page, None, options).response["violations"]]
    assert found == []


def test_a_theme_changes_at_once_for_who_wants_no_motion(pages: dict[tuple[str, bool], Page], studio: Served) -> None:
    """A transition of any length on every element passes an inherited colour on level by level, a frame for each."""
    page = pages["wide", False]
    page.goto(f"{studio.url}/studio/account")
    until_ready(page)
    for theme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert page.evaluate("document.getAnimations().map((each) => each.transitionProperty)") == []


def _said(theme: str, violation: dict[str, object]) -> str:
    nodes = violation["nodes"]
    assert isinstance(nodes, list)
    where = [f"{node['target']} {node['failureSummary']}" for node in nodes][:3]
    return f"{theme}: {violation['id']} ({violation['impact']}) at {where}, {len(nodes)} in all"
