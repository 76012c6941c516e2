"""What of the Studio's budget is the same on every machine: bytes, and how far things jump.

`make studio-budget` measures the rest.
"""

from contract.client import client_of
from serving import Served
from studio.browser import Tab, until_ready
from studio.budget import OBSERVE, transferred_kb

MOST_KB = 120
MOST_KB_OF_A_THUMBNAIL = 25


def test_the_first_visit_stays_within_its_bytes(tab: Tab, studio: Served) -> None:
    tab.sign_in()

    by_kind = transferred_kb(tab.page, studio)

    assert {"Document", "Script", "Stylesheet", "Font"} <= by_kind.keys()
    assert sum(by_kind.values()) <= MOST_KB, by_kind


def test_nothing_jumps_while_pages_load(tab: Tab, studio: Served) -> None:
    task = client_of(studio).done(prompt="stays where it is")["task_id"]
    tab.sign_in()
    for path in ("", "/history", f"/pictures/{task}", "/templates", "/account"):
        tab.open(path)
        tab.page.evaluate(OBSERVE)
        until_ready(tab.page)
        assert (path, round(tab.page.evaluate("window.shift"), 3)) == (path, 0)


def test_small_copies_stay_small(tab: Tab, studio: Served) -> None:
    client_of(studio).done(prompt="a small copy")
    tab.sign_in()
    tab.open("/history")

    for thumb in tab.page.locator(".tile img").evaluate_all("images => images.slice(0, 20).map((each) => each.src)"):
        answer = tab.page.request.get(thumb)
        assert answer.ok
        assert len(answer.body()) <= MOST_KB_OF_A_THUMBNAIL * 1024
