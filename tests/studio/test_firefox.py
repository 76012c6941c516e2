"""The main journey in Firefox: from the link to a picture, its page, a varied one, and an erased one."""

import os
import uuid
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
    word = f"w{uuid.uuid4().hex[:10]}"

    def made(pictures: int) -> str:
        """Wait until the page shows so many of this test; where the newest one is."""
        cards = "[...document.querySelectorAll('.card[data-state=success]')]"
        cards += f".filter((card) => card.innerText.includes('{word}'))"
        tab.wait_for(f"{cards}.length === {pictures}")
        return f"#{tab.evaluate(f'{cards}[0].id')} .card__pic"

    tab.open(link(studio))
    tab.wait_for("document.querySelector('#quote').textContent.trim()")  # the scripts have run

    tab.click("#prompt")
    tab.type(f"a lighthouse {word}")
    tab.wait_for("document.querySelector('#send').getAttribute('aria-disabled') === 'false'")
    tab.click("#send")
    tab.click(made(1))
    tab.wait_for(f"document.querySelector('.story h1')?.textContent === 'a lighthouse {word}'")
    tab.click(".acts .btn--leaf")
    tab.wait_for(f"document.querySelector('#prompt')?.value === 'a lighthouse {word}'")
    tab.click("#prompt")
    tab.type(", at dawn")
    tab.press_with_control(ENTER)
    tab.click(made(2))
    tab.wait_for(
        "document.querySelector('.story [data-act=erase]') && document.querySelector('[data-theme-next][title]')"
    )
    tab.click(".story [data-act=erase]")
    tab.wait_for("document.querySelector('.toast')?.textContent.includes('Erased')")

    listed = client_of(studio).get(f"/v2/openapi/tasks?q={word}").data["tasks"]
    assert len(listed) == 1
