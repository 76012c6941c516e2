"""The page Account: figures, keys, webhooks and the ledger."""

import uuid

import pytest
from playwright.sync_api import expect

from contract.client import Client, client_of
from serving import Served
from studio.browser import Tab


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


def test_figures_are_those_of_the_api(tab: Tab, client: Client) -> None:
    client.done(prompt="a picture to pay for")
    tab.sign_in()

    tab.open("/account")

    available, _ = client.balance()
    expect(tab.page.locator("#overview")).to_contain_text(f"{available:,}")
    expect(tab.page.locator(".rows")).to_contain_text("FLUX.1 Kontext Pro")


def test_a_new_key_is_shown_once_works_and_can_be_revoked(tab: Tab, client: Client) -> None:
    name = f"build {uuid.uuid4().hex[:6]}"
    tab.sign_in()
    tab.open("/account")

    tab.page.get_by_role("button", name="New key").click()
    tab.page.fill("#kname", name)
    tab.page.fill("#kday", "5")
    tab.page.get_by_role("button", name="Make the key").click()

    secret = tab.page.locator(".code pre").first.inner_text()
    other = client.as_(secret)
    other.submit()
    assert other.create().refusal == (403, 2010)
    tab.open("/account")
    assert secret not in tab.page.content()
    tab.page.get_by_role("button", name=f"Revoke {name}").click()
    expect(tab.page.locator("tr", has_text=name)).to_contain_text("ended")


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
