"""Comparing two pictures: by keys and by touch, over one another and side by side, of one shape and of two."""

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from contract.client import client_of
from serving import Served
from studio.browser import Tab, new_tab, until_ready

RED, BLUE = (200, 0, 0), (0, 0, 200)
PHONE = {"width": 390, "height": 844}


def picture(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", size, colour).save(drawn, "PNG")
    return drawn.getvalue()


@pytest.fixture(scope="module")
def pair(studio: Served) -> str:
    """A word that finds two tasks."""
    for colour in ("red", "blue"):
        client_of(studio).done(prompt=f"weighed: a {colour} fox")
    return "weighed"


def compared(tab: Tab, word: str) -> tuple[Locator, Callable[[float, float], tuple[int, ...]]]:
    """The dialog with both, the newer as A; and the colour at a place of its stage, in parts of its width and height.

    A is red and wide, B blue and square, whatever the tasks made: both ways to them are answered here.
    """
    dialog = tab.page.locator("#compare")
    tab.page.locator(".tile .check").nth(0).check()
    tab.page.locator(".tile .check").nth(1).check()
    tab.page.get_by_role("button", name="Compare").click()
    expect(dialog.locator(".compare__diff p").first.locator("del")).to_have_text("blue")

    def colour(x: float, y: float) -> tuple[int, ...]:
        dialog.locator("img").evaluate_all("images => Promise.all(images.map((each) => each.decode()))")
        shown = Image.open(io.BytesIO(dialog.locator(".compare__stage").screenshot())).convert("RGB")
        found = shown.getpixel((int(x * (shown.width - 1)), int(y * (shown.height - 1))))
        assert isinstance(found, tuple)
        return found

    return dialog, colour


def open_history(tab: Tab, word: str) -> None:
    def answer(colour: tuple[int, int, int], size: tuple[int, int]) -> Callable[..., None]:
        return lambda route: route.fulfill(body=picture(size, colour), content_type="image/png")

    tab.sign_in()
    tab.open(f"/history?q={word}")
    until_ready(tab.page)
    newer, older = tab.page.locator(".tile > a").evaluate_all("links => links.map((link) => link.dataset.full)")
    tab.page.route(f"**{newer}", answer(RED, (160, 90)))
    tab.page.route(f"**{older}", answer(BLUE, (90, 90)))


def slide_to(page: Page, percent: int) -> None:
    """By its keys: to the end that is nearer, then step by step."""
    page.keyboard.press("End" if percent > 50 else "Home")
    for _ in range(min(percent, 100 - percent)):
        page.keyboard.press("ArrowLeft" if percent > 50 else "ArrowRight")
    expect(page.locator("#compare input[type=range]")).to_have_value(str(percent))


def test_the_wipe_by_keys_shows_each_picture_on_its_own_side_alone(tab: Tab, pair: str) -> None:
    """Also where one is wider: beside the square one is the ground, not the other picture."""
    open_history(tab, pair)
    dialog, colour = compared(tab, pair)
    ground = colour(0.005, 0.5)

    expect(dialog.locator("input[type=range]")).to_be_focused()
    assert [colour(x, 0.3) for x in (0.1, 0.45, 0.55, 0.85)] == [RED, RED, BLUE, ground]
    slide_to(tab.page, 15)
    assert [colour(x, 0.3) for x in (0.1, 0.2, 0.5, 0.85)] == [RED, ground, BLUE, ground]
    slide_to(tab.page, 90)
    assert [colour(x, 0.3) for x in (0.1, 0.5, 0.85)] == [RED, RED, RED]


def test_side_by_side_and_swapped(tab: Tab, pair: str) -> None:
    open_history(tab, pair)
    dialog, colour = compared(tab, pair)

    dialog.get_by_role("button", name="Side by side").click()
    assert [colour(x, 0.5) for x in (0.25, 0.75)] == [RED, BLUE]
    dialog.get_by_role("button", name="Swap").click()

    expect(dialog.locator(".compare__diff p").first.locator("del")).to_have_text("red")
    assert [colour(x, 0.5) for x in (0.25, 0.75)] == [BLUE, RED]
    expect(dialog.locator("input[type=range]")).to_be_hidden()
    dialog.get_by_role("button", name="Wipe").click()
    assert [colour(x, 0.5) for x in (0.45, 0.55)] == [BLUE, RED]


def test_by_touch_on_a_phone(browser: Browser, studio: Served, pair: str) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        tab = new_tab(context, studio)
        open_history(tab, pair)
        dialog, colour = compared(tab, pair)
        box = dialog.locator(".compare__stage").bounding_box()
        assert box

        tab.page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)

        assert [colour(x, 0.5) for x in (0.1, 0.7, 0.9)] == [RED, RED, BLUE]
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        dialog.get_by_role("button", name="Close").tap()
        expect(dialog).to_be_hidden()
        assert tab.problems == []
