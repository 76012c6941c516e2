"""The main journey in Firefox: from the link to a picture, its page, a varied one, and an erased one."""

import os
from collections.abc import Iterator

import pytest

from contract.client import client_of
from serving import Served
from studio.browser import link
from studio.firefox import ENTER, FirefoxTab, firefox, firefox_tab

NO_FIREFOX = "Firefox is not installed: apt-get install --no-install-recommends firefox-esr"


@pytest.fixture
def tab() -> Iterator[FirefoxTab]:
    program = firefox()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_FIREFOX)
    with firefox_tab(program) as opened:
        yield opened


def test_from_the_link_to_an_erased_picture(tab: FirefoxTab, studio: Served) -> None:
    done = "document.querySelectorAll('.card[data-state=success]').length"
    tab.open(link(studio))
    tab.wait_for("document.querySelector('#quote').textContent.trim()")  # the scripts have run

    tab.click("#prompt")
    tab.type("a lighthouse in Firefox")
    tab.wait_for("document.querySelector('#send').getAttribute('aria-disabled') === 'false'")
    tab.click("#send")
    tab.wait_for(f"{done} === 1")
    tab.click(".card__pic")
    tab.wait_for("document.querySelector('.story h1')?.textContent === 'a lighthouse in Firefox'")
    tab.click(".acts .btn--leaf")
    tab.wait_for("document.querySelector('#prompt')?.value === 'a lighthouse in Firefox'")
    tab.click("#prompt")
    tab.type(", at dawn")
    tab.press_with_control(ENTER)
    tab.wait_for(f"{done} === 2")
    tab.click(".card[data-state=success] .card__pic")
    tab.wait_for(
        "document.querySelector('.story [data-act=erase]') && document.querySelector('[data-theme-next][title]')"
    )
    tab.click(".story [data-act=erase]")
    tab.wait_for("document.querySelector('.toast')?.textContent.includes('Erased')")

    listed = client_of(studio).get("/v2/openapi/tasks?q=lighthouse+firefox").data["tasks"]
    assert len(listed) == 1
