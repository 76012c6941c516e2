"""What readers set in their system: forced colours, and no motion. The order of the focus, which all of them share."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from contract.client import client_of
from serving import Served
from studio.browser import WAIT_MS, empty_account, link, until_ready

FOCUS_ORDER: dict[str, list[str]] = json.loads(Path(__file__).with_name("focus_order.json").read_text(encoding="utf-8"))
"""By page: what the Tab key reaches, in its order, on an account without tasks. To record it anew, write the found."""

TOLD_APART = """(pages) => {
    // What a reader sees of an element where all colours are the system's.
    const seen = (node) => [node, ...node.querySelectorAll('.pair, .tpl__none')].flatMap((each) =>
        [null, '::before', '::after'].map((part) => {
            const style = getComputedStyle(each, part);
            return ['color', 'borderTopColor', 'borderBottomColor', 'borderTopWidth', 'outlineStyle', 'outlineColor',
                'fontWeight', 'translate', ...(part ? ['content', 'backgroundColor'] : ['textDecorationLine'])]
                .map((name) => style[name]).join();
        })).join();
    const chosen = ':is([aria-pressed=true], [aria-current], [aria-selected=true], :checked, :has(> :checked))';
    const kinds = ['.chip', '.group > *', '.sub > a', '.nav > a', '.model', '.tpl', '.switch input', '.palette li'];
    return [...kinds, '.tabs > *']
        .map((kind) => [kind, [...document.querySelectorAll(kind)].filter((each) => each.checkVisibility())])
        .filter(([, all]) => all.some((each) => each.matches(chosen)) && all.some((each) => !each.matches(chosen)))
        .filter(([, all]) => {
            const others = new Set(all.filter((each) => !each.matches(chosen)).map(seen));
            return all.some((each) => each.matches(chosen) && others.has(seen(each)));
        }).map(([kind]) => kind);
}"""
"""The kinds of controls on the page of which a chosen one looks like one that is not."""


@pytest.fixture(scope="module")
def task(studio: Served) -> str:
    return str(client_of(studio).done(prompt="looked at in forced colours")["task_id"])


@pytest.fixture(scope="module")
def forced(browser: Browser, studio: Served) -> Iterator[Page]:
    with browser.new_context(forced_colors="active", reduced_motion="reduce") as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(link(studio, "--operator"))
        yield page


def test_what_is_chosen_is_seen_in_forced_colours(forced: Page, studio: Served, task: str) -> None:
    for path in ("", "/history", "/account", "/operator", f"/pictures/{task}"):
        forced.goto(f"{studio.url}/studio{path}")
        until_ready(forced)
        if not path:
            forced.locator("label.switch").first.click()
            forced.click("[data-menu=models]")
        assert (path, forced.evaluate(TOLD_APART)) == (path, [])
        forced.keyboard.press("Escape")
        forced.keyboard.press("Control+k")
        assert (path, forced.evaluate(TOLD_APART)) == (path, [])
        assert forced.evaluate("document.getAnimations().filter((each) => each.playState === 'running').length") == 0


@pytest.fixture(scope="module")
def newcomer(browser: Browser, studio: Served) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(link(studio, "--account", empty_account(studio, "keyboard")))
        yield page


# A date has stops inside of it, which the browser outlines.
REACHED = """() => {
    const at = document.activeElement;
    const around = at.closest('label, .prompt, .searchbox, .slide') ?? at;
    const outlined = (each) => getComputedStyle(each).outlineStyle !== 'none';
    const ring = at.matches('[type=date]') || [around, ...around.querySelectorAll('*')].some(outlined);
    const words = at.getAttribute('aria-label') || at.labels?.[0]?.innerText || at.innerText;
    return at === document.body ? null : [`${at.tagName.toLowerCase()} ${(words || '').trim().split('\\n')[0]}`, ring];
}"""


@pytest.mark.parametrize("path", FOCUS_ORDER)
def test_the_tab_key_goes_through_a_page_in_the_recorded_order(newcomer: Page, studio: Served, path: str) -> None:
    newcomer.goto(f"{studio.url}/studio{path}")
    until_ready(newcomer)
    found, unseen = list[str](), list[str]()
    for _ in range(len(FOCUS_ORDER[path]) + 10):
        newcomer.keyboard.press("Tab")
        reached = newcomer.evaluate(REACHED)
        if reached is None or found[:1] == [reached[0]]:
            break
        found.append(reached[0])
        unseen += [] if reached[1] else [reached[0]]

    assert found == FOCUS_ORDER[path]
    assert unseen == []


@pytest.mark.parametrize(
    ("opener", "dialog"),
    [("[data-open=keys]", "#keys"), ("[data-menu=models]", "#models"), ("[data-act=url]", "#address")],
)
def test_the_focus_comes_back_to_what_opened_a_dialog(newcomer: Page, studio: Served, opener: str, dialog: str) -> None:
    newcomer.goto(f"{studio.url}/studio")
    until_ready(newcomer)

    newcomer.locator(opener).first.focus()
    newcomer.keyboard.press("Enter")
    expect(newcomer.locator(dialog)).to_be_visible()
    assert newcomer.evaluate("selector => document.querySelector(selector).contains(document.activeElement)", dialog)
    newcomer.keyboard.press("Escape")

    expect(newcomer.locator(dialog)).to_be_hidden()
    expect(newcomer.locator(opener).first).to_be_focused()
