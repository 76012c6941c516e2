"""The pages while something is missing: the server restarts, the WebSocket is blocked, the server refuses."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from contract.client import client_of
from serving import Served, serving
from studio.browser import Tab, new_tab, until_ready


def _port(served: Served) -> str:
    return served.url.rpartition(":")[2]


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("restarted") / "data"


def test_a_restart_is_noticed_and_the_cards_catch_up(browser: Browser, data: Path) -> None:
    """The page stays open over a `kill -9`; what was made meanwhile appears by itself, once."""
    with serving(data) as first, browser.new_context() as context:
        tab = new_tab(context, first)
        tab.sign_in()
        tab.make("before the restart")
        expect(tab.page.locator(".card[data-state=success]", has_text="before the restart")).to_be_visible()
        key, port = first.key, _port(first)
        first.kill()
        expect(tab.page.get_by_text("The server is away.")).to_be_visible()
        tab.page.fill("#prompt", "written while it was away")

        with serving(data, "--port", port) as second:
            client_of(second).as_(key).done(prompt="made meanwhile")
            expect(tab.page.get_by_text("The server is away.")).to_be_hidden()
            expect(tab.page.locator(".card[data-state=success]", has_text="made meanwhile")).to_have_count(1)
            expect(tab.page.locator(".card", has_text="before the restart")).to_have_count(1)
            expect(tab.page.locator("#prompt")).to_have_value("written while it was away")


def test_a_server_that_says_that_it_restarts_is_not_called_away(browser: Browser, data: Path) -> None:
    with browser.new_context() as context:
        with serving(data) as first:
            port, tab = _port(first), new_tab(context, first)
            tab.sign_in()
            until_ready(tab.page)
            expect(tab.page.locator("#live")).to_have_text("Live")
        expect(tab.page.get_by_role("alert")).to_contain_text("The server starts anew. Nothing is lost.")

        with serving(data, "--port", port):
            expect(tab.page.get_by_role("alert")).to_be_hidden()


def test_without_a_websocket_the_cards_are_asked_for(tab: Tab) -> None:
    tab.page.route_web_socket("**/studio/live*", lambda socket: socket.close(code=1011))
    tab.sign_in()

    tab.make("without a socket")

    expect(tab.page.locator(".card[data-state=success]", has_text="without a socket")).to_be_visible()
    expect(tab.page.locator("#live")).to_have_text("Asking")
    expect(tab.page.get_by_role("alert")).to_be_hidden()  # the server is not away


AS_IF_OLDER = """
    if (location.pathname === "/studio" && !sessionStorage.aged)
        document.addEventListener("readystatechange", () => {
            document.documentElement.dataset.assets = "of an older version";
            sessionStorage.aged = "once";
        }, {once: true});
"""
"""Run before the scripts of a page: the first of a tab is older than its server, as after an upgrade."""


def test_a_page_older_than_its_server_says_so(tab: Tab) -> None:
    tab.page.add_init_script(AS_IF_OLDER)
    tab.sign_in()
    tab.page.locator("#prompt").fill("typed in an older page")

    expect(tab.page.get_by_role("alert")).to_contain_text(
        "This page is older than its server. Reload; your draft stays."
    )
    tab.page.get_by_role("button", name="Reload").click()
    expect(tab.page.get_by_role("alert")).to_be_hidden()
    expect(tab.page.locator("#prompt")).to_have_value("typed in an older page")


def test_tabs_share_a_connection_and_the_next_takes_over(tab: Tab, studio: Served) -> None:
    """Both see what is made; a tab that comes later is told what changed since it was drawn."""
    sockets: list[str] = []
    tab.page.on("websocket", lambda _: sockets.append("first"))
    tab.sign_in()
    until_ready(tab.page)
    other = new_tab(tab.page.context, studio)
    other.page.on("websocket", lambda _: sockets.append("second"))
    other.open()
    until_ready(other.page)

    tab.make("seen by both tabs")

    for each in (tab, other):
        expect(each.page.locator(".card[data-state=success]", has_text="seen by both tabs")).to_be_visible()
    assert sockets == ["first"]
    with other.page.expect_event("websocket"):
        tab.page.goto("about:blank")
    client_of(studio).done(prompt="seen by the one that is left")
    expect(other.page.locator(".card[data-state=success]", has_text="by the one that is left")).to_be_visible()
    other.page.close()


def test_without_locks_each_tab_has_a_connection(tab: Tab, studio: Served) -> None:
    """Browsers give none to pages over plain HTTP of another machine."""
    tab.page.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    with tab.page.expect_event("websocket"):
        tab.sign_in()
    other = new_tab(tab.page.context, studio)
    other.page.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    with other.page.expect_event("websocket"):
        other.open()

    tab.make("seen by both without locks")

    for each in (tab, other):
        expect(each.page.locator(".card[data-state=success]", has_text="by both without locks")).to_be_visible()
    other.page.close()


def test_no_change_is_lost_while_the_scripts_load(tab: Tab, studio: Served) -> None:
    """The connection is opened by the page only when the script that shows its changes is there."""
    order = []

    def make_before(route: Route) -> None:
        client_of(studio).done(prompt="made while scripts load")
        route.continue_()

    tab.page.route("**/feed.js", make_before)
    tab.page.on("websocket", lambda _: order.append("connection"))
    tab.page.on("requestfinished", lambda request: order.append(request.url.rpartition("/")[2]))

    tab.sign_in()

    expect(tab.page.locator(".card[data-state=success]", has_text="made while scripts load")).to_be_visible()
    assert order.index("feed.js") < order.index("connection")


def test_a_cut_connection_while_sending_makes_one_task(tab: Tab, studio: Served) -> None:
    """The server gets the request, the page not its answer: pressed again, the same task is found."""
    tab.sign_in()
    tab.page.fill("#prompt", "sent over a cut line")
    cut = []

    def lose(route: Route) -> None:
        route.fetch()
        cut.append(route)
        route.abort()

    tab.page.route("**/studio/tasks", lose, times=1)
    tab.page.click("#send")
    expect(tab.page.locator(".toast", has_text="nothing is made twice")).to_be_visible()

    tab.page.click("#send")

    expect(tab.page.locator(".card[data-state=success]", has_text="sent over a cut line")).to_have_count(1)
    listed = client_of(studio).get("/v2/openapi/tasks?q=sent+over+a+cut+line").data["tasks"]
    assert (len(listed), len(cut)) == (1, 1)
