"""The page History: search, filters, selecting, keeping, and erasing with time to undo."""

import uuid
import zipfile

import pytest
from playwright.sync_api import expect

from contract.client import Client, client_of
from contract.test_library import until_erased
from serving import Served
from studio.browser import Tab, until_ready


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


@pytest.fixture
def word() -> str:
    """A word that no other test's prompts hold."""
    return f"w{uuid.uuid4().hex[:10]}"


def test_search_and_filters_stand_in_the_address(tab: Tab, client: Client, word: str) -> None:
    made = client.done(prompt=f"a fox {word}")["task_id"]
    client.done(prompt=f"a heron {word}")
    tab.sign_in()
    tab.open("/history")

    tab.page.get_by_role("searchbox").fill(f"fox {word}")

    expect(tab.page.locator(".tile")).to_have_count(1)
    expect(tab.page.locator(".tile")).to_have_attribute("data-id", made)
    assert word in tab.page.url
    tab.page.select_option("#f-status", "without")
    expect(tab.page.get_by_text("No picture matches.")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_text("No picture matches.")).to_be_visible()


def test_another_accounts_pictures_are_not_found(tab: Tab, studio: Served, client: Client, word: str) -> None:
    studio.cli("accounts", "create", word, "--credits", "100")
    somebody = client.as_(studio.cli("keys", "create", "--account", word)["key"])
    somebody.done(prompt=f"somebody's {word}")
    tab.sign_in()

    tab.open(f"/history?q={word}")

    expect(tab.page.get_by_text("No picture matches.")).to_be_visible()


def test_one_picture_is_erased_at_once_and_comes_back(tab: Tab, client: Client, word: str) -> None:
    client.done(prompt=f"erased and back {word}")
    tab.sign_in()
    tab.open(f"/history?q={word}")

    tab.page.locator(".tile .check").check()
    tab.page.get_by_role("button", name="Erase", exact=True).first.click()

    expect(tab.page.locator(".tile")).to_be_hidden()
    tab.page.get_by_role("button", name="Undo").click()
    expect(tab.page.locator(".tile")).to_be_visible()


def test_a_range_is_selected_kept_ones_stay_and_the_server_erases_a_closed_pages_pictures(
    tab: Tab, client: Client, word: str
) -> None:
    tasks = [client.done(prompt=f"{n} of three {word}")["task_id"] for n in range(3)]
    tab.sign_in()
    tab.open(f"/history?q={word}")
    tab.page.locator(".tile .check").last.check()
    tab.page.get_by_role("button", name="Keep").click()
    expect(tab.page.locator(".tile[data-kept]")).to_have_count(1)

    tab.page.locator(".tile .check").first.click()
    tab.page.locator(".tile .check").last.click(modifiers=["Shift"])
    expect(tab.page.locator("[data-selcount]")).to_have_text("3")
    tab.page.get_by_role("button", name="Erase", exact=True).first.click()
    tab.page.locator("#erase").get_by_role("button", name="Erase").click()

    expect(tab.page.locator(".toast").last).to_contain_text("1 were left out")
    tab.page.close()
    for task in tasks[1:]:
        until_erased(client, task)
    assert client.task(tasks[0])["output"]


def test_lineage_leads_from_a_picture_to_what_was_made_of_it(tab: Tab, client: Client, word: str) -> None:
    client.done(prompt=f"the first {word}")
    tab.sign_in()

    tab.page.locator(".card", has_text=f"the first {word}").locator("[data-act=ref]").click()
    tab.page.fill("#prompt", f"made of image[1] {word}")
    tab.page.click("#send")
    tab.page.locator(".card[data-state=success]", has_text="made of image[1]").first.locator(".card__pic").click()

    expect(tab.page.locator(".lineage")).to_contain_text("the first")


def test_the_selected_pictures_are_downloaded_as_a_zip_in_their_order(tab: Tab, client: Client, word: str) -> None:
    made = [client.done(prompt=f"packed {word} {n}")["task_id"] for n in range(3)]
    tab.sign_in()
    tab.open(f"/history?q={word}")
    tab.page.locator(".tile .check").first.click()
    tab.page.locator(".tile .check").last.click(modifiers=["Shift"])
    expect(tab.page.locator("[data-selcount]")).to_have_text("3")

    with tab.page.expect_download() as saving:
        tab.page.get_by_role("button", name="Download").click()

    with zipfile.ZipFile(saving.value.path()) as archive:
        assert [name for name in archive.namelist() if any(task in name for task in made)] == archive.namelist()
        assert len(archive.namelist()) == 3


def test_the_rail_counts_the_days_and_leads_back_in_time(tab: Tab, client: Client) -> None:
    client.done(prompt="of today")
    tab.sign_in()
    tab.open("/history")

    today = tab.page.locator("#rail a").first
    expect(today).to_contain_text("Today")
    expect(tab.page.locator("#count")).to_contain_text("task")
    tab.open("/history?until=2001-01-01")
    expect(tab.page.get_by_text("No picture matches.")).to_be_visible()
    expect(tab.page.get_by_text("Before 2001-01-01")).to_be_visible()


def test_the_palette_finds_pictures_by_their_words_and_ids(tab: Tab, client: Client, word: str) -> None:
    made = client.done(prompt=f"a heron by a lake {word}")["task_id"]
    tab.sign_in()
    until_ready(tab.page)
    tab.page.keyboard.press("Control+k")

    tab.page.keyboard.type(f"heron {word}")
    expect(tab.page.get_by_role("option")).to_have_text([f"a heron by a lake {word}"])
    tab.page.locator("#palette input").fill(made)
    expect(tab.page.get_by_role("option")).to_have_text([f"a heron by a lake {word}"])
    tab.page.keyboard.press("Enter")

    tab.page.wait_for_url(f"**/pictures/{made}")


def test_a_search_that_finds_nothing_says_what_may_be_meant(tab: Tab, client: Client) -> None:
    client.done(prompt="a zeppelin over the harbour")
    tab.sign_in()
    tab.open("/history?q=zepelin+harbor")

    tab.page.get_by_role("link", name="zeppelin harbour").click()

    expect(tab.page.locator(".tile img")).to_have_attribute("alt", "a zeppelin over the harbour")
    tab.open("/history?q=qqqqqqqq")
    expect(tab.page.get_by_text("No picture matches.")).to_be_visible()
    expect(tab.page.get_by_text("Did you mean")).to_have_count(0)


def test_the_palette_finds_earlier_prompts_and_what_may_be_meant(tab: Tab) -> None:
    tab.sign_in()
    tab.make("a tambourine made of brass")
    expect(tab.page.locator(".card[data-state=success]", has_text="a tambourine")).to_be_visible()
    tab.page.fill("#prompt", "")
    tab.page.keyboard.press("Control+k")
    tab.page.locator("#palette input").fill("tambour brass")
    tab.page.get_by_role("option", name="earlier prompt").click()
    expect(tab.page.locator("#prompt")).to_have_value("a tambourine made of brass")

    tab.page.keyboard.press("Control+k")
    tab.page.locator("#palette input").fill("tamburine")
    tab.page.get_by_role("option", name="Did you mean").click()
    tab.page.wait_for_url("**/history?q=tambourine")
    expect(tab.page.locator(".tile img").first).to_have_attribute("alt", "a tambourine made of brass")
