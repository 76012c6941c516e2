"""The page that tells where a picture comes from."""

import uuid

import pytest
from playwright.sync_api import expect

from contract.client import PICTURE, client_of
from serving import Served
from studio.browser import Tab


def check(tab: Tab, name: str, content: bytes) -> None:
    tab.open("/check")
    tab.page.set_input_files("#checked", {"name": name, "mimeType": "image/png", "buffer": content})
    tab.page.get_by_role("button", name="Check").click()


def test_a_picture_of_ones_own_leads_to_its_task(tab: Tab, studio: Served) -> None:
    client = client_of(studio)
    done = client.done(prompt="a picture to check")
    tab.sign_in()

    check(tab, "mine.png", client.get(done["output"]["generated_image"], auth=False).body)

    expect(tab.page.get_by_role("status").filter(has_text="Made here, by a task of yours.")).to_be_visible()
    tab.page.get_by_role("link", name=done["task_id"]).click()
    expect(tab.page).to_have_url(f"{studio.url}/studio/pictures/{done['task_id']}")


def test_a_picture_of_another_account_is_known_and_its_task_is_not_told(tab: Tab, studio: Served) -> None:
    name = f"other-{uuid.uuid4().hex[:8]}"
    studio.cli("accounts", "create", name, "--credits", "100")
    other = client_of(studio).as_(studio.cli("keys", "create", "--account", name)["key"])
    done = other.done(prompt="a picture of somebody else")
    tab.sign_in()

    check(tab, "theirs.png", other.get(done["output"]["generated_image"], auth=False).body)

    expect(tab.page.get_by_role("heading", name="Made here.")).to_be_visible()
    assert done["task_id"] not in tab.page.content()


@pytest.mark.parametrize(
    ("content", "said"),
    [(PICTURE, "Not known here."), (b"<!doctype html><script>alert(1)</script>", "HTML page"), (b"", "is empty. Send")],
)
def test_what_was_not_made_here_is_told_as_what_it_is(tab: Tab, content: bytes, said: str) -> None:
    tab.sign_in()

    check(tab, "<img src=x onerror=alert(1)>.png", content)

    expect(tab.page.locator("main").get_by_role("alert" if content != PICTURE else "status")).to_contain_text(said)
    assert tab.problems == []


def test_the_palette_finds_it(tab: Tab, studio: Served) -> None:
    tab.sign_in()

    tab.page.keyboard.press("Control+k")
    tab.page.keyboard.type("check")
    tab.page.keyboard.press("Enter")

    expect(tab.page).to_have_url(f"{studio.url}/studio/check")
