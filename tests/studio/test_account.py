"""The page Account: figures, keys, webhooks and the ledger."""

import re
import uuid

import pytest
from playwright.sync_api import Browser, expect

from contract.client import Client, client_of
from serving import Served
from studio.browser import Tab, new_tab


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


def test_figures_are_those_of_the_api(tab: Tab, client: Client) -> None:
    client.done(prompt="a picture to pay for")
    tab.sign_in()

    tab.open("/account")

    available, _ = client.balance()
    expect(tab.page.locator("#overview")).to_contain_text(f"{available:,}")
    expect(tab.page.locator(".box", has_text="Spend per model")).to_contain_text("FLUX.1 Kontext Pro")


def test_a_new_key_is_shown_once_works_and_can_be_revoked(tab: Tab, client: Client) -> None:
    name = f"build {uuid.uuid4().hex[:6]}"
    tab.sign_in()
    tab.open("/account")

    tab.page.get_by_role("button", name="New key").click()
    tab.page.fill("#kname", name)
    tab.page.fill("#kday", "5")
    tab.page.fill("#kend", "2031-05-06")
    tab.page.get_by_role("button", name="Make the key").click()

    expect(tab.page.locator("tr", has_text=name)).to_contain_text("5 credits a day · ends 2031-05-06")

    secret = tab.page.locator(".code pre").first.inner_text()
    other = client.as_(secret)
    other.submit()
    assert other.create().refusal == (403, 2010)
    tab.open("/account")
    assert secret not in tab.page.content()
    tab.page.get_by_role("button", name=f"Revoke {name}").click()
    expect(tab.page.locator("tr", has_text=name)).to_contain_text("revoked")


def test_a_key_with_limits_makes_no_keys(tab: Tab, studio: Served) -> None:
    limited = studio.cli("keys", "create", "--name", "limited", "--credits", "100")["key"]
    tab.open("/sign-in")
    tab.page.fill("#key", limited)
    tab.page.click("button[type=submit]")

    tab.open("/account")
    refused = tab.page.request.post(
        f"{studio.url}/studio/keys", headers={"x-csrf-token": tab.page.locator("html").get_attribute("data-csrf") or ""}
    )

    expect(tab.page.get_by_role("button", name="New key")).to_have_count(0)
    assert refused.status == 403


def test_a_webhook_is_added_with_its_secret_shown_once(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/account")

    tab.page.locator("#webhooks").get_by_role("button", name="Add").click()
    tab.page.fill("#hurl", "https://receiver.example.com/limner")
    tab.page.locator("#newhook").get_by_role("button", name="Add").click()

    expect(tab.page.locator(".code pre").first).to_contain_text("whsec_")
    expect(tab.page.locator("#webhooks")).to_contain_text("https://receiver.example.com/limner")


def test_spend_leads_to_the_tasks_and_is_the_ledgers(tab: Tab, client: Client) -> None:
    client.done(prompt="bought with a template", template="figure")
    tab.sign_in()
    tab.open("/account")

    costs = tab.page.locator(".box", has_text="Spend per key").locator(".rows b").all_inner_texts()
    shown = tab.page.locator(".stat", has_text="Spent in").locator("dd").inner_text().split()[0]
    assert sum(int(each.replace(",", "")) for each in costs) == int(shown.replace(",", ""))
    ledger = [row.split("\t") for row in tab.page.locator("#ledger tbody tr").all_inner_texts()]
    assert int(ledger[0][-1].replace(",", "")) == client.balance()[0]
    tab.page.locator(".box", has_text="Spend per template").get_by_role("link", name="Figure").click()

    expect(tab.page.locator(".tile").first).to_be_visible()
    assert "template=figure" in tab.page.url


def test_a_delivery_is_sent_again_and_shows_its_answer(tab: Tab, studio: Served, client: Client) -> None:
    """Nobody answers at the address, which is on no public network: the log says so, and the replay as well."""
    tab.sign_in()
    tab.open("/account")
    tab.page.locator("#webhooks").get_by_role("button", name="Add").click()
    tab.page.fill("#hurl", "https://nobody.invalid/limner")
    tab.page.locator("#newhook").get_by_role("button", name="Add").click()
    row = tab.page.locator("#webhooks tr", has_text="nobody.invalid")

    row.get_by_role("button", name="Test").click()

    def sent() -> list[str]:
        tab.open("/account")
        return tab.page.locator("#webhooks tr", has_text="webhook.test").all_inner_texts()

    for _ in range(50):
        if any("no answer" in each for each in sent()):
            break
        tab.page.wait_for_timeout(200)
    expect(tab.page.locator("#webhooks tr", has_text="webhook.test").first).to_contain_text("no answer")
    tab.page.locator("#webhooks tr", has_text="webhook.test").get_by_role("button", name="Replay").first.click()
    expect(tab.page.locator("#webhooks tr", has_text="nobody.invalid")).to_contain_text("1 sent")


def test_signing_out_everywhere_ends_every_browser(tab: Tab, studio: Served, browser: Browser) -> None:
    """Also a page that is open elsewhere by a key that stays in force."""
    with browser.new_context() as other:
        elsewhere = new_tab(other, studio)
        elsewhere.open("/sign-in")
        elsewhere.page.fill("#key", studio.key or "")
        elsewhere.page.click("button[type=submit]")
        expect(elsewhere.page.locator("#live")).to_contain_text("Live")
        tab.sign_in()
        tab.open("/account")

        tab.page.get_by_role("button", name="Sign out everywhere").click()

        expect(tab.page).to_have_url(re.compile("/sign-in"))
        expect(elsewhere.page).to_have_url(re.compile("/sign-in"))
