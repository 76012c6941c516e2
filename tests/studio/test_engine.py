"""The Studio before the built-in engine, which obeys a shape and a size; the sandbox of the other tests obeys none."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from contract.client import client_of
from serving import Served, serving
from studio.browser import Tab


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("engine"), engine="builtin") as served:
        yield served


def test_a_chosen_shape_survives_a_reload_and_is_made(tab: Tab, studio: Served) -> None:
    tab.sign_in()
    tab.page.fill("#prompt", "a wide river")
    tab.page.locator("#shape summary").click()
    tab.page.select_option("[name=aspect_ratio]", "9:16")
    tab.page.reload()
    expect(tab.page.locator("[data-shapenow]")).to_have_text("9:16")

    tab.page.click("#send")

    card = tab.page.locator(".card[data-state=success]", has_text="a wide river")
    expect(card).to_be_visible()
    made = client_of(studio).task(str(card.get_attribute("data-id")))
    assert made["input"]["aspect_ratio"] == "9:16"
    picture, well = card.locator(".card__pic img").bounding_box(), card.locator(".card__well").bounding_box()
    assert picture
    assert well
    assert picture["height"] <= well["height"]  # it lies whole in its square
