"""Signing in and out of the Studio."""

import contextlib
import http.client
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from serving import Served
from studio.browser import Tab, link, session_on


def test_a_link_signs_in_once(tab: Tab, studio: Served) -> None:
    address = link(studio)

    tab.page.goto(address)

    expect(tab.page.locator("#composer")).to_be_visible()
    tab.page.context.clear_cookies()
    tab.page.goto(address)
    expect(tab.page.get_by_role("alert")).to_contain_text("This link has been used")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(tab: Tab) -> None:
    tab.sign_in_anew()

    [cookie] = [each for each in tab.page.context.cookies() if each["name"] == "limner_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/studio"


def test_a_key_signs_in_and_leads_where_one_wanted_to_go(tab: Tab, studio: Served) -> None:
    tab.open("/pictures/00000000-0000-7000-8000-000000000000")

    tab.page.fill("#key", studio.key or "")
    tab.page.click("button[type=submit]")

    expect(tab.page).to_have_url(f"{studio.url}/studio/pictures/00000000-0000-7000-8000-000000000000")
    expect(tab.page.get_by_role("heading")).to_contain_text("No such page, or no such picture")


def test_a_wrong_key_says_what_keys_look_like(tab: Tab) -> None:
    tab.open("/sign-in")

    tab.page.fill("#key", "tsk_wrong")
    tab.page.click("button[type=submit]")

    expect(tab.page.get_by_role("alert")).to_contain_text("Keys begin with tsk_")


def test_signing_out_ends_the_session_on_the_server(tab: Tab, studio: Served) -> None:
    tab.sign_in_anew()
    [cookie] = [each for each in tab.page.context.cookies() if each["name"] == "limner_session"]

    tab.page.get_by_role("button", name="Sign out").click()

    expect(tab.page.get_by_role("heading", name="Come in")).to_be_visible()
    assert _get(studio, "/studio", cookie["value"]).status == 303


def test_a_revoked_key_ends_its_session_and_the_draft_stays(tab: Tab, studio: Served, browser: Browser) -> None:
    tab.sign_in_anew()
    tab.make("seen over the socket")
    expect(tab.page.locator(".card[data-state=success]", has_text="seen over the socket")).to_be_visible()
    tab.page.fill("#prompt", "a draft that stays")
    newest = studio.cli("keys", "list")[-1]

    studio.cli("keys", "revoke", newest["id"])

    expect(tab.page.get_by_role("alert")).to_contain_text("Your key was revoked. Your draft is kept here.")
    tab.page.evaluate("document.dispatchEvent(new CustomEvent('limner:reconnect'))")  # refused, it would be told
    tab.page.get_by_role("button", name="Sign in again").click()
    expect(tab.page.get_by_role("heading", name="Come in")).to_be_visible()
    tab.sign_in()
    expect(tab.page.locator("#prompt")).to_have_value("a draft that stays")


@pytest.mark.parametrize("path", ["/studio/tasks", "/studio/sign-out", "/studio/uploads"])
def test_a_change_without_the_pages_token_is_refused(studio: Served, path: str) -> None:
    response = _post(studio, path, session_on(studio), {})

    assert response.status == 403


@pytest.mark.parametrize(
    ("origin", "signed_in", "status"),
    [("https://example.org", True, 403), (None, False, 401)],
    ids=["another site", "signed out"],
)
def test_a_socket_is_refused(studio: Served, *, origin: str | None, signed_in: bool, status: int) -> None:
    headers = {
        "Origin": origin or studio.url,
        "Cookie": f"limner_session={session_on(studio) if signed_in else 'none'}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }

    assert _call(studio, "GET", "/studio/live", headers).status == status


def test_a_link_is_not_used_up_by_a_preview(studio: Served) -> None:
    address = link(studio)

    previewed = _get(studio, urlsplit(address).path, method="HEAD")

    assert previewed.getheader("set-cookie") is None
    assert _get(studio, urlsplit(address).path).getheader("set-cookie", "").startswith("limner_session=")


def test_a_form_of_another_site_signs_nobody_in(studio: Served) -> None:
    headers = {"Origin": "https://example.org", "Content-Type": "application/x-www-form-urlencoded"}

    response = _post(studio, "/studio/sign-in", "", headers, f"key={studio.key}")

    assert response.status == 403
    assert response.getheader("set-cookie") is None


def _get(studio: Served, path: str, session: str = "", method: str = "GET") -> http.client.HTTPResponse:
    return _call(studio, method, path, {"Cookie": f"limner_session={session}"})


def _post(studio: Served, path: str, session: str, headers: dict[str, str], body: str = "") -> http.client.HTTPResponse:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"limner_session={session}"}
    return _call(studio, "POST", path, form | headers, body)


def _call(
    studio: Served, method: str, path: str, headers: dict[str, str], body: str | None = None
) -> http.client.HTTPResponse:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(studio.url).netloc)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response
