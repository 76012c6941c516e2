"""Pictures before they are finished, in the card of the task under way."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from limner_vendors import Vendors
from serving import Served, serving
from studio.browser import Tab
from studio.test_failures import emulated

STREAMS = {"LIMNER_PROVIDER__OPENAI__OPTIONS": json.dumps({"stream": True})}


@pytest.fixture(scope="module")
def emulators() -> Iterator[tuple[Vendors, asyncio.AbstractEventLoop]]:
    with emulated("openai") as running:
        yield running


@pytest.fixture(scope="module")
def studio(
    emulators: tuple[Vendors, asyncio.AbstractEventLoop], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    environment = emulators[0].environment() | STREAMS
    with serving(tmp_path_factory.mktemp("previews"), vendors=environment, default_model="gpt_image_2") as served:
        yield served


def test_the_newest_preview_is_shown_until_the_picture_is_ready(
    tab: Tab, emulators: tuple[Vendors, asyncio.AbstractEventLoop]
) -> None:
    vendors, loop = emulators
    tab.sign_in()
    tab.page.click("[data-menu=models]")
    tab.page.click(".model[data-id=gpt_image_2]")
    tab.page.click("#shape summary")
    tab.page.select_option("[name=partial_images]", "2")
    tab.page.fill("#prompt", "a heron #fault:hold=previewed*1")
    tab.page.click("#send")

    preview = tab.page.locator(".card[data-state=running][data-previews='2'] .guide__preview")
    expect(preview).to_be_visible()
    assert preview.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    loop.call_soon_threadsafe(vendors.emulator("openai").holds.let_go)

    expect(tab.page.locator(".card[data-state=success]")).to_be_visible()
    expect(preview).to_have_count(0)


def test_previews_are_offered_only_where_the_model_shows_them(tab: Tab) -> None:
    tab.sign_in()
    tab.page.click("[data-menu=models]")
    tab.page.click(".model[data-id=gpt_image_2]")
    tab.page.click("#shape summary")

    expect(tab.page.locator("[data-option=partial_images]")).to_be_visible()
    assert tab.page.locator(".model[data-partial_images='']").count() > 0
