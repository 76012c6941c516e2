"""A task whose job waits in the vendor's queue says so, on its card and in its story, until the vendor works on it."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from limner_vendors import Fault, FaultKind, Vendors
from serving import Served, serving
from studio.browser import Tab
from studio.test_failures import emulated

SETTINGS = {"LIMNER_PROVIDER__FAL__OPTIONS": json.dumps({"poll_s": 0.05})}


@pytest.fixture(scope="module")
def emulators() -> Iterator[tuple[Vendors, asyncio.AbstractEventLoop]]:
    with emulated("fal") as running:
        yield running


@pytest.fixture(scope="module")
def studio(
    emulators: tuple[Vendors, asyncio.AbstractEventLoop], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    environment = emulators[0].environment() | SETTINGS
    with serving(tmp_path_factory.mktemp("queue"), vendors=environment) as served:
        yield served


def test_a_job_in_the_vendors_queue_says_so_until_it_is_worked_on(
    tab: Tab, emulators: tuple[Vendors, asyncio.AbstractEventLoop]
) -> None:
    vendors, loop = emulators
    fal = vendors.emulator("fal")
    for number in (2, 3):  # the first poll tells of the queue
        vendors.faults("fal").add(Fault(FaultKind.HOLD, on="poll", at=number, prompt="a heron"))
    tab.sign_in()

    tab.make("a heron #fault:long=600*1")
    running = tab.page.locator(".card[data-state=running]")
    expect(running).to_contain_text("in fal’s queue")
    task = running.get_attribute("data-id")
    tab.page.reload()
    expect(running).to_contain_text("in fal’s queue")

    story = tab.page.context.new_page()
    story.goto(f"{tab.served.url}/studio/pictures/{task}")
    expect(story.locator(".rows--fall")).to_contain_text("in fal’s queue")
    loop.call_soon_threadsafe(fal.holds.let_go)

    expect(running).to_contain_text("left")
    expect(running).not_to_contain_text("queue")
    story.reload()
    expect(story.locator(".rows--fall li")).to_have_count(3)
    loop.call_soon_threadsafe(fal.holds.let_go)
    running.locator("[data-act=cancel]").click()
    expect(tab.page.locator(".card[data-state=cancelled]")).to_be_visible()
