"""A task that ends without a picture says on its card what happened, that it cost nothing, and offers a way on."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from contract.client import PICTURE, Client, client_of
from limner_vendors import Vendors
from limner_vendors.failures import FAILURES
from serving import Served, serving
from studio.browser import Tab, new_tab, until_ready
from unit.intake.pictures import encoded, scene

KONTEXT, GPT, GEMINI = "flux.1_kontext_pro", "gpt_image_2", "gemini_2.5_flash_image_preview"
ROUTES = [
    {"model": KONTEXT, "provider": "bfl", "upstream": "flux-kontext-pro"},
    {"model": "flux.1_dev", "provider": "bfl", "upstream": "flux-dev"},
    {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-1.5"},
    {"model": GPT, "provider": "openai", "upstream": "gpt-image-2"},
    {"model": "midjourney", "provider": "midjourney", "upstream": "midjourney"},
    {"model": GEMINI, "provider": "gemini", "upstream": "gemini-2.5-flash-image"},
    {"model": "gemini_3_pro_image_preview", "provider": "gemini", "upstream": "gemini-3-pro-image"},
    {"model": "gemini_3.1_flash_image_preview", "provider": "gemini", "upstream": "gemini-3.1-flash-image"},
]
"""One route each, so that nothing falls back, and one for each failure that makes a route rest."""

FILES: Mapping[str, bytes] = {
    "/broken.png": PICTURE[: len(PICTURE) // 2],
    "/moving.gif": encoded(scene(), "GIF"),
    "/large.png": PICTURE + bytes(21 * 1024 * 1024),
    "/small.png": encoded(scene((9, 9)), "PNG"),
}
"""What the references' addresses lead to; anything else is not found."""

POLLED_OFTEN = {f"LIMNER_PROVIDER__{each}__OPTIONS": json.dumps({"poll_s": 0.05}) for each in ("BFL", "MIDJOURNEY")}

AGAIN, EDIT = "Send again", "Edit"
OTHER = "Try with FLUX.1 Kontext Pro"
REPLACE = "Replace image[1]"


@dataclass(frozen=True, slots=True)
class End:
    """How a task is made to fail, what its card says, and its buttons in their order."""

    name: str
    says: str
    buttons: tuple[str, ...]
    vendor: str = ""
    fault: str = ""
    model: str = KONTEXT
    reference: str = ""
    state: str = "failed"
    more: str = ""

    @property
    def prompt(self) -> str:
        return f"without a picture: {self.name} {word(self.vendor, self.fault) if self.fault else ''}".strip()


ENDS = (
    End(
        *("policy of the words", "The policy of Black Forest Labs refused it", ("Edit the prompt",)),
        *("bfl", "`Request Moderated`"),
        state="banned",
        more="the prompt or a reference picture",
    ),
    End(
        *("policy of the picture", "The policy of Black Forest Labs refused it", ("Edit the prompt",)),
        *("bfl", "`Content Moderated`"),
        state="banned",
        more="the picture that was made",
    ),
    End(
        *("bad input", "The vendor refused the request", (OTHER, EDIT), "openai", "400 `invalid_image_file`", GPT),
        more="Asked once at OpenAI.",
    ),
    End(
        *("out of order", "The vendor is out of order", (AGAIN, EDIT), "openai", "500 `server_error`", "gpt_4o"),
        more="Asked 3 times, last at OpenAI.",
    ),
    End(
        *(
            "words",
            "The vendor answered with words, not a picture",
            (OTHER, EDIT),
            "openai",
            "200 with `data: []`",
            GPT,
        ),
        more="Another model often draws it.",
    ),
    End(
        *("no protocol", "The vendor’s answer cannot be read", (OTHER, EDIT), "openai", "200 with a page of HTML", GPT),
    ),
    End(
        *("one colour", "The vendor’s picture cannot be used", (AGAIN, EDIT)),
        *("openai", "a picture of a single colour", GPT),
        more="a picture of a single colour.",
    ),
    End(
        *("cut off", "The connection broke in the middle", (AGAIN, EDIT)),
        *("bfl", "the work is done, and the connection cut before the answer", "flux.1_dev"),
        more="It was not ordered twice.",
    ),
    End(
        *("cancelled there", "The vendor cancelled it", (AGAIN, EDIT), "midjourney", "`CANCEL`", "midjourney"),
        more="The job was cancelled at Midjourney's relay.",
    ),
    End(
        *("no credits there", "The vendor takes no orders from this server", (OTHER, EDIT)),
        *("gemini", "429 with a quota `PerDay`", GEMINI),
    ),
    End(
        *("a wrong key", "The vendor takes no orders from this server", (OTHER, EDIT)),
        *("gemini", "400 `API_KEY_INVALID`", "gemini_3_pro_image_preview"),
    ),
    End(
        *("gone", "The vendor does not have this model", (OTHER, EDIT)),
        *("gemini", "404 `NOT_FOUND`", "gemini_3.1_flash_image_preview"),
    ),
    End("2019", "A reference could not be fetched", (REPLACE,), reference="/missing.png", more="404"),
    End("2003", "A reference cannot be opened", (REPLACE,), reference="/broken.png", more="cannot be decoded"),
    End(
        "2004", "A reference has a format that the model does not take", (REPLACE,), reference="/moving.gif", more="GIF"
    ),
    End("2022", "A reference is too large", (REPLACE,), reference="/large.png", more="20 MB"),
    End("1004", "A reference cannot be used", (REPLACE,), reference="/small.png", more="at least 20 px"),
)


def word(vendor: str, says: str) -> str:
    """What a prompt holds to provoke a row of the table of failures."""
    fault = next(row.fault for row in FAILURES if (row.vendor, row.says) == (vendor, says))
    assert fault
    return fault.word(vendor)


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


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = FILES.get(self.path)
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the large one is not read to its end
            self.wfile.write(content or b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def files_served() -> Iterator[str]:
    """The address, without the scheme, at which `FILES` are."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(60)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with files_served() as address:
        yield address


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, host: str) -> Iterator[Served]:
    settings = {"route": json.dumps(ROUTES), "fetch_allow": host, "account_tasks": "100"}
    with (
        emulated("bfl", "openai", "midjourney", "gemini") as (vendors, _),
        serving(tmp_path_factory.mktemp("failing"), vendors=vendors.environment() | POLLED_OFTEN, **settings) as served,
    ):
        yield served


@dataclass(frozen=True, slots=True)
class Wall:
    """A page on which every end of `ENDS` has its card."""

    tab: Tab
    client: Client
    tasks: Mapping[str, str] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        return self.tab.page

    def card(self, end: End) -> Locator:
        return self.page.locator(f"#task-{self.tasks[end.name]}")


@pytest.fixture(scope="module")
def wall(browser: Browser, studio: Served, host: str) -> Iterator[Wall]:
    """One page for all: the tasks run side by side, and the page is opened when all have ended."""
    client = client_of(studio)
    tasks = {each.name: client.submit(**_request(each, host)) for each in ENDS}
    for task in tasks.values():
        client.wait(task)
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        tab = new_tab(context, studio)
        tab.sign_in()
        until_ready(tab.page)
        yield Wall(tab, client, tasks)
        assert tab.problems == []


def _request(end: End, host: str) -> Mapping[str, object]:
    files = [{"type": "png", "url": f"http://{host}{end.reference}"}] if end.reference else None
    return {"prompt": end.prompt, "model_version": end.model, "files": files}


@pytest.mark.parametrize("end", ENDS, ids=lambda each: each.name)
def test_a_card_says_what_happened_that_it_is_free_and_how_to_go_on(wall: Wall, end: End) -> None:
    card = wall.card(end)

    expect(card).to_have_attribute("data-state", end.state)
    expect(card.locator(".end__say")).to_have_text(end.says)
    expect(card.locator(".more")).to_contain_text(end.more)
    expect(card.locator(".end__cost")).to_have_text("Not charged")
    expect(card.locator(".end__acts button")).to_have_text(end.buttons)
    assert wall.client.task(wall.tasks[end.name])["consumed_credit"] == 0


@pytest.mark.parametrize("end", [each for each in ENDS if each.buttons[0] == AGAIN], ids=lambda each: each.name)
def test_send_again_makes_the_same_task_once_more(wall: Wall, end: End) -> None:
    wall.card(end).get_by_role("button", name=AGAIN).click()

    again = wall.page.locator(".card", has_text=end.prompt).first
    expect(again).not_to_have_id(f"task-{wall.tasks[end.name]}")
    made = wall.client.task(str(again.get_attribute("data-id")))
    assert made["input"] == wall.client.task(wall.tasks[end.name])["input"]


@pytest.mark.parametrize(
    "end", [each for each in ENDS if each.buttons[-1].startswith(EDIT)], ids=lambda each: each.name
)
def test_edit_brings_the_words_and_the_model_back(wall: Wall, end: End) -> None:
    wall.card(end).get_by_role("button", name=end.buttons[-1], exact=True).click()

    expect(wall.page.locator("#prompt")).to_have_value(end.prompt)
    expect(wall.page.locator("#prompt")).to_be_focused()
    expect(wall.page.locator(".model[aria-selected=true]")).to_have_attribute("data-id", end.model)


@pytest.mark.parametrize("end", [each for each in ENDS if each.buttons[0] == OTHER], ids=lambda each: each.name)
def test_another_model_is_tried_with_the_same_words(wall: Wall, end: End) -> None:
    wall.card(end).get_by_role("button", name=OTHER).click()

    expect(wall.page.locator("#prompt")).to_have_value(end.prompt)
    expect(wall.page.locator(".model[aria-selected=true]")).to_have_attribute("data-id", KONTEXT)


@pytest.mark.parametrize("end", [each for each in ENDS if each.reference], ids=lambda each: each.name)
def test_another_picture_takes_the_place_of_one_that_cannot_be_used(wall: Wall, end: End) -> None:
    with wall.page.expect_file_chooser() as choosing:
        wall.card(end).get_by_role("button", name=REPLACE).click()
    expect(wall.page.locator("#refs .num-badge")).to_have_count(1)

    choosing.value.set_files([{"name": "good.png", "mimeType": "image/png", "buffer": PICTURE}])

    expect(wall.page.locator("#refs .num-badge")).to_have_count(1)
    expect(wall.page.locator("#refs img")).to_have_attribute("alt", "good.png")
    expect(wall.page.locator("#prompt")).to_have_value(end.prompt)
    expect(wall.page.locator("#send")).to_have_attribute("aria-disabled", "false")


@pytest.mark.parametrize(
    ("model", "state", "says"),
    [
        (KONTEXT, "fair", "up to 4 pictures"),
        (GEMINI, "away", "no vendor takes orders for it just now"),
        ("seedream_4", "off", "no vendor that serves it is configured"),
    ],
)
def test_the_list_of_models_tells_which_of_them_work(wall: Wall, model: str, state: str, says: str) -> None:
    row = wall.page.locator(f".model[data-id='{model}']")

    expect(row.locator(".dot")).to_have_attribute("data-is", state)
    expect(row.locator("small")).to_contain_text(says)


@pytest.fixture(scope="module")
def weather(browser: Browser, studio: Served, wall: Wall) -> Iterator[Page]:
    """The operator's page of the same server, after everything has failed."""
    assert wall.tasks
    with browser.new_context() as context:
        tab = new_tab(context, studio)
        tab.sign_in(operator=True)
        tab.open("/operator")
        yield tab.page
        assert tab.problems == []


def test_the_operators_weather_follows_the_faults(weather: Page) -> None:
    expect(_row(weather, "gemini/gemini-2.5-flash-image")).to_contain_text("You exceeded your current quota")
    expect(_row(weather, "gemini/gemini-2.5-flash-image")).to_contain_text("not used")
    expect(_row(weather, "openai/gpt-image-2")).to_contain_text("failing")
    expect(_row(weather, "bfl/flux-kontext-pro")).to_contain_text("fair")
    expect(weather.locator(".page__head")).to_contain_text("This wants you")

    _row(weather, "gemini/gemini-2.5-flash-image").get_by_role("button", name="Use again").click()

    expect(_row(weather, "gemini/gemini-2.5-flash-image")).not_to_contain_text("not used")
    expect(weather.locator("#audit tbody tr").first).to_contain_text("gemini/gemini-2.5-flash-image")


def test_the_failures_by_class_lead_to_their_tasks(weather: Page, wall: Wall) -> None:
    box = weather.locator(".box", has_text="Failed attempts by class")
    expect(box.get_by_role("link", name="quota_exhausted")).to_be_visible()

    box.get_by_role("link", name="auth").click()

    row = weather.locator("tbody tr", has_text="gemini/gemini-3-pro-image")
    expect(row.locator(f"a[href$='{wall.tasks['a wrong key']}']")).to_be_visible()


def _row(page: Page, route: str) -> Locator:
    return page.locator("#weather tbody tr", has=page.get_by_text(route, exact=True))
