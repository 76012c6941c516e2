"""The operator's page: for keys with the scope admin alone."""

import re

from playwright.sync_api import expect

from contract.client import client_of
from serving import Served
from studio.browser import Tab, until_ready

LISTS = ("/operator", "/operator/tasks", "/operator/failures")


CHANGES = ("/operator/rest", "/operator/grant")


def test_others_neither_see_it_nor_reach_it(tab: Tab, studio: Served) -> None:
    """Not in the bar, not among the commands, not by its key, and not by its addresses."""
    task = client_of(studio).done(prompt="not for others")["task_id"]
    tab.sign_in()
    until_ready(tab.page)

    expect(tab.page.get_by_role("link", name="Operator")).to_have_count(0)
    tab.page.keyboard.press("Control+k")
    expect(tab.page.get_by_role("option", name="History")).to_be_visible()
    expect(tab.page.get_by_role("option", name="Operator")).to_have_count(0)
    tab.page.keyboard.press("Escape")
    expect(tab.page.locator("#palette")).to_be_hidden()
    tab.page.keyboard.press("Escape")  # out of the prompt, where the focus may have come back to
    for key in ("g", "o", "g", "h"):
        tab.page.keyboard.press(key)
    tab.page.wait_for_url("**/studio/history")
    for path in (*LISTS, f"/operator/tasks/{task}"):
        answer = tab.page.request.get(f"{studio.url}/studio{path}")
        assert answer.status == 403
        assert "not for others" not in answer.text()
    token = tab.page.locator("html").get_attribute("data-csrf") or ""
    for path in (*CHANGES, f"/operator/tasks/{task}/cancel"):
        assert tab.page.request.post(f"{studio.url}/studio{path}", headers={"x-csrf-token": token}).status == 403


def test_each_figure_leads_to_the_tasks_behind_it(tab: Tab, studio: Served) -> None:
    files = [{"type": "jpg", "url": "https://192.0.2.1/a.jpg"}]
    task = client_of(studio).done(prompt="behind the figure", files=files)["task_id"]
    tab.sign_in(operator=True)
    tab.open("/operator")

    tab.page.locator(".stat", has_text="Ended with a picture").get_by_role("link").click()
    row = tab.page.locator("tbody tr", has_text="behind the figure").first
    expect(row).to_contain_text("failed")
    row.get_by_role("link").click()

    expect(tab.page.locator("h1")).to_have_text(task)
    expect(tab.page.locator(".problem")).to_contain_text("192.0.2.1")
    tab.open("/operator")
    tab.page.locator("#accounts").get_by_role("link", name="local").click()
    expect(tab.page.locator("#o-account")).to_have_value("local")
    tab.open("/operator/tasks?account=nobody")
    expect(tab.page.locator("body")).to_contain_text("There is no account 'nobody'")


def test_the_figures_are_drawn_anew_and_the_focus_stays(tab: Tab, studio: Served) -> None:
    client = client_of(studio)
    tab.page.clock.install()
    tab.sign_in(operator=True)
    tab.open("/operator")
    until_ready(tab.page)
    ended = tab.page.locator("[data-refresh=figures] a[href*=without]")
    ended.focus()
    tab.page.locator("#weather summary").click()
    ended.focus()
    figures = tab.page.locator(".stat", has_text="Ended with a picture").locator("small")
    before = int(figures.inner_text().rpartition(" of ")[2].replace(",", ""))
    tab.page.evaluate("scrollTo(0, 200)")
    client.done(prompt="while the figures are looked at")

    with tab.page.expect_response("**/studio/operator"):
        tab.page.clock.fast_forward(10_000)

    expect(figures).not_to_have_text(re.compile(rf" of {before:,}$"))
    expect(ended).to_be_focused()
    expect(tab.page.locator("#weather details")).to_have_attribute("open", "")
    assert tab.page.evaluate("scrollY") == 200


def test_a_task_without_a_prompt_is_listed_by_its_type(tab: Tab, studio: Served) -> None:
    client = client_of(studio)
    views = client.done(
        type="generate_multiview_image", prompt=None, file={"type": "png", "file_token": client.token()}
    )
    tab.sign_in(operator=True)

    tab.open("/operator/tasks?account=local")

    row = tab.page.locator("tbody tr", has=tab.page.locator(f"a[href$='{views['task_id']}']"))
    expect(row).to_contain_text("generate_multiview_image")
    row.get_by_role("link").click()
    expect(tab.page.locator("h1")).to_have_text(views["task_id"])


def test_an_operator_grants_credits_and_the_audit_log_says_so(tab: Tab, studio: Served) -> None:
    before = sum(client_of(studio).balance())
    tab.sign_in(operator=True)
    tab.page.get_by_role("link", name="Operator").click()

    tab.page.get_by_role("button", name="Grant credits").click()
    tab.page.fill("#gcred", "25")
    tab.page.locator("#grant").get_by_role("button", name="Grant credits").click()

    expect(tab.page.locator("#audit tbody tr").first).to_contain_text("grant")
    assert sum(client_of(studio).balance()) == before + 25
