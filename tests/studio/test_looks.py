"""Pages without data of their own look as they were last accepted: small copies of screenshots are compared.

A copy is so small that letters are grey lines: other fonts of the system and another version of the browser change it
less than a box that moved. After a wanted change, `LIMNER_ACCEPT_LOOKS=1 pytest tests/studio/test_looks.py` writes the
copies anew; look at them before they are committed.
"""

import io
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page

from serving import Served
from studio.browser import WAIT_MS, empty_account, link, until_ready

KEPT = Path(__file__).parent / "looks"
WIDTHS = {390: 844, 1024: 768}
PAGES = {
    "sign-in": "/sign-in",
    "first-run": "",
    "templates": "/templates",
    "keys": "/history",
    "missing": "/pictures/00000000-0000-7000-8000-000000000000",
}
SMALL = (64, 64)
MOST_APART = 6.0
"""Levels of 255, the mean over the part of the page that differs most: a quarter by a quarter of it."""


@pytest.fixture(scope="module")
def readers(browser: Browser, studio: Served) -> Iterator[dict[tuple[int, str, bool], Page]]:
    """Pages by width, theme, and whether somebody new is signed in."""
    opened, contexts = {}, []
    for width, theme, signed_in in product(WIDTHS, ("light", "dark"), (False, True)):
        context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = opened[width, theme, signed_in] = context.new_page()
        page.set_default_timeout(WAIT_MS)
        if signed_in:
            page.goto(link(studio, "--account", empty_account(studio, "looks")))
    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_as_it_was_accepted(
    readers: dict[tuple[int, str, bool], Page], studio: Served, name: str, width: int, theme: str
) -> None:
    page = readers[width, theme, name != "sign-in"]
    page.goto(f"{studio.url}/studio{PAGES[name]}")
    until_ready(page)
    if name == "keys":
        page.keyboard.press("?")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready.then(() => null)")
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SMALL, Image.Resampling.BOX)
    kept = KEPT / f"{name}-{width}-{theme}.png"
    if os.environ.get("LIMNER_ACCEPT_LOOKS"):
        shown.save(kept, optimize=True)

    apart = _apart(shown, Image.open(kept).convert("RGB"))

    assert apart <= MOST_APART, f"{kept.name}: {apart:.1f} levels apart; is the change wanted? See this file's head."


def _apart(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of the part that differs most."""
    difference = ImageChops.difference(one, other).convert("L")
    step = SMALL[0] // 4
    parts = [(x, y, x + step, y + step) for x, y in product(range(0, SMALL[0], step), range(0, SMALL[1], step))]
    return max(ImageStat.Stat(difference.crop(part)).mean[0] for part in parts)
