"""The feed while other tasks change: what is looked at stays where it is."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event

import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from contract.client import Client
from serving import Served, serving
from studio.browser import Tab, link, new_tab, somebody, until_ready
from studio.budget import OBSERVE

MORE_THAN_A_PAGE = 26
"""Of 24 cards: two are left to be asked for."""

FRAME = """([id, status]) => document.dispatchEvent(new CustomEvent('limner:frame', {detail: {id, status, progress: 40,
    ahead: null, left_s: 3, cancelling: false, previews: 0, now_ms: Date.now()}}))"""

SAY_HIDDEN = """(yes) => {
    Object.defineProperty(document, 'hidden', {value: Boolean(yes), configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("feed"), account_tasks="1000") as running:
        yield running


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a worker: what is queued stays so."""
    with serving(tmp_path_factory.mktemp("idle"), "--api-only", account_tasks="1000") as running:
        yield running


@pytest.fixture
def reader(request: pytest.FixtureRequest, browser: Browser, served: Served) -> Iterator[tuple[Tab, Client, list[str]]]:
    """A signed-in tab of an account of the test's own, and its finished tasks, the newest first."""
    name = request.node.name.replace("_", "-")[:60]
    client = somebody(served, name)
    tasks = [client.done(prompt=f"number {number}")["task_id"] for number in range(MORE_THAN_A_PAGE)]
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        tab = new_tab(context, served)
        tab.page.goto(link(served, "--account", name))
        until_ready(tab.page)
        yield tab, client, tasks[::-1]
        assert tab.problems == []


def _ids(tab: Tab) -> list[str]:
    ids: list[str] = tab.page.locator(".card").evaluate_all("cards => cards.map((each) => each.dataset.id)")
    return ids


def test_an_older_task_that_changes_moves_nothing(reader: tuple[Tab, Client, list[str]]) -> None:
    """A card that is not there yet comes with the older ones, not before the newest."""
    tab, _, tasks = reader
    tab.page.evaluate(OBSERVE)
    assert _ids(tab) == tasks[:24]

    for task in tasks[24:]:
        tab.page.evaluate(FRAME, [task, "running"])
    tab.page.evaluate(FRAME, [tasks[0], "running"])  # this one's card is asked for, after the others'
    expect(tab.page.locator(f"#task-{tasks[0]}")).to_have_attribute("data-state", "success")

    assert _ids(tab) == tasks[:24]
    assert round(tab.page.evaluate("window.shift"), 2) == 0
    tab.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(tab.page.locator(".card")).to_have_count(MORE_THAN_A_PAGE)
    assert _ids(tab) == tasks


def test_new_pictures_wait_above_who_looks_further_down(reader: tuple[Tab, Client, list[str]]) -> None:
    tab, client, tasks = reader
    tab.page.evaluate("scrollTo(0, 900)")
    looked_at = tab.page.locator(f"#task-{tasks[9]}")
    place = looked_at.bounding_box()

    client.done(prompt="while somebody looks")
    newer = client.done(prompt="and another")["task_id"]

    chip = tab.page.get_by_role("button", name="2 ready")
    expect(chip).to_be_visible()
    assert looked_at.bounding_box() == place
    chip.click()
    expect(tab.page.locator(".card").first).to_have_attribute("data-id", newer)
    expect(tab.page.locator(".card").first).to_be_in_viewport()
    expect(chip).to_be_hidden()


def test_the_title_of_a_hidden_tab_counts_what_became_ready(browser: Browser, served: Served) -> None:
    client = somebody(served, "hidden-tab")
    client.done(prompt="before the page")
    with browser.new_context() as context:
        tab = new_tab(context, served)
        tab.page.goto(link(served, "--account", "hidden-tab"))
        until_ready(tab.page)
        tab.page.evaluate(SAY_HIDDEN, "yes")

        for number in range(2):
            client.done(prompt=f"while nobody looks, {number}")

        expect(tab.page).to_have_title("● 2 ready · Make · Limner")
        tab.page.evaluate(SAY_HIDDEN, "")
        expect(tab.page).to_have_title("Make · Limner")


def test_a_picture_counts_as_ready_whose_card_was_drawn_before_its_frame_came(browser: Browser, served: Served) -> None:
    client, drawn, held = somebody(served, "late-frame"), Event(), list[Callable[[], None]]()

    def hold_ends(socket: WebSocketRoute) -> None:
        def pass_on(message: str | bytes) -> None:
            if "success" in str(message) and not drawn.is_set():
                held.append(partial(socket.send, message))
            else:
                socket.send(message)

        socket.connect_to_server().on_message(pass_on)

    with browser.new_context() as context:
        context.route_web_socket(re.compile("/live"), hold_ends)
        tab = new_tab(context, served)
        tab.page.goto(link(served, "--account", "late-frame"))
        until_ready(tab.page)
        tab.page.evaluate(SAY_HIDDEN, "yes")

        made = client.done(prompt="while nobody looks")["task_id"]
        tab.page.evaluate(FRAME, [made, "running"])
        expect(tab.page.locator(f"#task-{made}")).to_have_attribute("data-state", "success")
        drawn.set()
        for send in held:
            send()

        expect(tab.page).to_have_title("● 1 ready · Make · Limner")


def test_a_cancelled_task_is_sent_again_by_undo(browser: Browser, idle: Served) -> None:
    with browser.new_context() as context:
        tab = new_tab(context, idle)
        tab.page.goto(link(idle))
        for number in range(2):
            tab.make(f"waits its turn, {number}")
            expect(tab.page.locator(".card[data-state=queued]")).to_have_count(number + 1)

        tab.page.locator(".card").first.get_by_role("button", name="Cancel").click()
        expect(tab.page.locator(".card[data-state=cancelled]")).to_have_count(1)
        tab.page.get_by_role("button", name="Undo").click()
        expect(tab.page.locator(".card[data-state=queued]")).to_have_count(2)
        expect(tab.page.locator(".card").first).to_contain_text("waits its turn, 1")

        tab.page.evaluate("document.dispatchEvent(new CustomEvent('limner:cancel-waiting'))")
        expect(tab.page.locator(".card[data-state=cancelled]")).to_have_count(3)
        tab.page.locator(".toast", has_text="Cancelled 2").get_by_role("button", name="Undo").click()
        expect(tab.page.locator(".card[data-state=queued]")).to_have_count(2)
        assert tab.problems == []
