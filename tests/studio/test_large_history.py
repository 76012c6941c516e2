"""The history of a hundred thousand tasks, on SQLite."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from serving import Served, serving
from studio.browser import Tab, new_tab
from studio.large_history import HISTORY, fill_history


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("large")) as served:
        fill_history(served)
        yield served


def test_every_task_is_counted_and_one_among_them_is_found(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/history")
    expect(tab.page.locator("#count")).to_have_text(f"{HISTORY + 1:,} tasks")

    tab.page.fill("[name=q]", "needle")

    expect(tab.page.locator(".tile")).to_have_count(1)
    expect(tab.page.locator(".tile img")).to_have_attribute("alt", "the needle in the hay")


def test_scrolling_brings_older_tiles_and_back_keeps_the_place(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/history")
    expect(tab.page.locator(".tile")).to_have_count(120)

    tab.page.mouse.move(400, 400)
    tab.page.locator(".tile").last.scroll_into_view_if_needed()
    expect(tab.page.locator(".tile").nth(239)).to_be_attached()
    place = tab.page.locator(".tile").nth(200)
    place.scroll_into_view_if_needed()
    name = place.get_attribute("id")
    place.get_by_role("link").click()
    tab.page.wait_for_url("**/pictures/*")
    tab.page.go_back()

    expect(tab.page.locator(f"#{name}")).to_be_in_viewport()


def test_the_rail_leads_a_year_back_and_filters_hold(tab: Tab) -> None:
    tab.sign_in()
    tab.open("/history?status=without")
    expect(tab.page.locator("#count")).to_have_text(f"{HISTORY // 20:,} tasks")

    tab.page.locator("#rail a").last.click()

    expect(tab.page).to_have_url(re.compile("status=without.*until="))
    expect(tab.page.locator(".tile--end").first).to_be_visible()


def test_a_range_over_several_days_is_selected(browser: Browser, studio: Served) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        tab = new_tab(context, studio)
        tab.sign_in()
        tab.open("/history")
        boxes = tab.page.locator(".tile .check")
        boxes.nth(0).check()

        boxes.nth(99).click(modifiers=["Shift"])

        expect(tab.page.locator("[data-selcount]")).to_have_text("100")
