"""A full disk: looking and downloading work, and making does once there is space."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from serving import serving
from small_disk import ON_A_SMALL_DISK, full_disk, private_mount
from studio.browser import download, new_tab


def test_a_full_disk_is_told_and_the_draft_is_kept(browser: Browser, tmp_path: Path) -> None:
    """A disk of 96 MB, filled to its last byte: looking and downloading work, and making does once it has space."""
    data = tmp_path / "data"
    data.mkdir()
    command, refused = private_mount()
    if refused:
        pytest.skip(refused)
    with serving(data, within=[*command, *ON_A_SMALL_DISK, str(data)]) as served, browser.new_context() as context:
        tab = new_tab(context, served)
        tab.open("/sign-in")  # the disk is the server's alone: no other process can make a link
        tab.page.fill("#key", str(served.key))
        tab.page.click("button[type=submit]")
        tab.make("before the disk was full")
        expect(tab.page.locator(".card[data-state=success]")).to_be_visible()
        tab.page.fill("#prompt", "kept while the disk is full")
        expect(tab.page.locator("#send")).to_have_attribute("aria-disabled", "false")
        with full_disk(Path(f"/proc/{served.process.pid}/root{data}")):
            with tab.page.expect_response("**/studio/tasks") as answered:
                tab.page.click("#send")
            expect(tab.page.locator("#problems .problem")).to_be_visible()
            expect(tab.page.get_by_role("alert")).to_contain_text("The server’s disk is full.")
            expect(tab.page.locator("#prompt")).to_have_value("kept while the disk is full")
            assert download(tab, tmp_path)[:4] == b"\x89PNG"
        assert answered.value.status == 503

        expect(tab.page.get_by_role("alert")).to_be_hidden()
        tab.page.click("#send")

        expect(tab.page.locator(".card[data-state=success]", has_text="kept while")).to_have_count(1)
        assert [each for each in tab.problems if not each.startswith("503")] == []
