"""A task that ends without a picture says on its card what happened, that it cost nothing, and offers a way on."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from contract.client import client_of
from limner_vendors import Vendors
from limner_vendors.failures import FAILURES
from serving import Served, serving
from studio.browser import Tab

ROUTES = [
    {"model": "flux.1_kontext_pro", "provider": "bfl", "upstream": "flux-kontext-pro"},
    {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-1"},
]
"""One route each, so that nothing falls back."""


@contextlib.contextmanager
def emulated(*names: str) -> Iterator[tuple[Vendors, asyncio.AbstractEventLoop]]:
    """Emulators, and their loop in a thread of its own, since the browser's takes this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = contextlib.AsyncExitStack()
    try:
        running = asyncio.run_coroutine_threadsafe(stack.enter_async_context(Vendors.running(list(names))), loop)
        yield running.result(60), loop
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        emulated("bfl", "openai") as (vendors, _),
        serving(tmp_path_factory.mktemp("failing"), vendors=vendors.environment(), route=json.dumps(ROUTES)) as served,
    ):
        yield served


def word(vendor: str, says: str) -> str:
    """What a prompt holds to provoke a row of the table of failures."""
    fault = next(row.fault for row in FAILURES if (row.vendor, row.says) == (vendor, says))
    assert fault
    return fault.word(vendor)


def ended(tab: Tab, studio: Served, prompt: str, **fields: object) -> Locator:
    """The card of a task that a program made and that ended without a picture."""
    task = client_of(studio).done(prompt=prompt, **fields)
    tab.sign_in()
    return tab.page.locator(f"#task-{task['task_id']}")


def test_a_refused_prompt_leads_back_to_its_words(tab: Tab, studio: Served) -> None:
    card = ended(tab, studio, f"refused {word('bfl', '`Request Moderated`')}")

    expect(card).to_have_attribute("data-state", "banned")
    expect(card).to_contain_text("The policy of Black Forest Labs refused it")
    expect(card).to_contain_text("Not charged")
    expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "true")  # the scripts have run
    card.get_by_role("button", name="Edit the prompt").click()
    expect(tab.page.locator("#prompt")).to_have_value(f"refused {word('bfl', '`Request Moderated`')}")


def test_a_vendor_out_of_order_is_asked_again_by_a_button(tab: Tab, studio: Served) -> None:
    prompt = f"broken {word('openai', '500 `server_error`')}"
    card = ended(tab, studio, prompt, model_version="gpt_4o")

    expect(card).to_have_attribute("data-state", "failed")
    expect(card).to_contain_text("The vendor is out of order")
    expect(card).to_contain_text("Not charged")
    expect(tab.page.locator("#live")).to_contain_text("Live")
    card.get_by_role("button", name="Send again").click()
    expect(tab.page.locator(".card", has_text="broken")).to_have_count(2)


def test_a_reference_that_cannot_be_fetched_is_named(tab: Tab, studio: Served) -> None:
    card = ended(tab, studio, "like image[1]", files=[{"type": "jpg", "url": "https://192.0.2.1/a.jpg"}])

    expect(card).to_contain_text("A reference could not be fetched")
    expect(card).to_contain_text("image[1]")
    expect(card.get_by_role("button", name="Replace image[1]")).to_be_visible()
    expect(card).to_contain_text("Not charged")
