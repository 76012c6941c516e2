"""The operator's page: for keys with the scope admin alone."""

from playwright.sync_api import expect

from contract.client import client_of
from serving import Served
from studio.browser import Tab, link


def test_others_neither_see_it_in_the_bar_nor_reach_it(tab: Tab, studio: Served) -> None:
    tab.sign_in()

    expect(tab.page.get_by_role("link", name="Operator")).to_have_count(0)
    answer = tab.page.goto(f"{studio.url}/studio/operator")
    assert answer
    assert answer.status == 403


def test_an_operator_grants_credits_and_the_audit_log_says_so(tab: Tab, studio: Served) -> None:
    before = sum(client_of(studio).balance())
    tab.page.goto(link(studio, "--operator"))
    tab.page.get_by_role("link", name="Operator").click()

    tab.page.get_by_role("button", name="Grant credits").click()
    tab.page.fill("#gcred", "25")
    tab.page.locator("#grant").get_by_role("button", name="Grant credits").click()

    expect(tab.page.locator("#audit tbody tr").first).to_contain_text("grant")
    assert sum(client_of(studio).balance()) == before + 25
