"""Draws every page of the enumerated list at each width in both themes: `make screenshots`.

The server has pictures of the built-in engine, references, templates, ends without a picture, and tasks under way.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page

from contract.client import Client, client_of
from serving import Served, serving
from studio.browser import WAIT_MS, chromium, empty_account, link, running_browser
from studio.states import STATES, PageState

WIDTHS = {390: 844, 1024: 768, 1920: 1080}
"""Pixels, with the height of the window."""
PHONE = 768
THEMES = ("light", "dark")

PICTURES: tuple[Mapping[str, object], ...] = (
    {"prompt": "a wooden sailing boat with patched sails, side view"},
    {"prompt": "a red mushroom cottage with a crooked chimney and round windows", "aspect_ratio": "16:9"},
    {"prompt": "a treasure chest with iron bands, half open, gold light"},
    {"prompt": "a lighthouse on a cliff at night", "aspect_ratio": "9:16"},
    {"prompt": "a knight in worn plate armour, front view, neutral face"},
    {"prompt": "a clay dragon", "template": "print_clay"},
    {"prompt": "一只戴着宇航头盔的狐狸, 正面"},
    {"prompt": "a small vintage car in mint green, three-quarter view", "model_version": "gpt_4o"},
)


def main() -> None:
    asked = _arguments()
    program = chromium()
    if program is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    states = [each for each in STATES if not asked.only or each.name in asked.only]
    with filled_server() as (served, task), running_browser(program) as browser:
        for width, theme in product(asked.width or WIDTHS, asked.theme or THEMES):
            with _readers(browser, served, width, theme) as pages:
                for state in states:
                    page = pages[state.signed_in, state.newcomer]
                    _bring(page, served, state, task)
                    page.screenshot(path=asked.out / f"{state.name}-{width}-{theme}.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("../out/screenshots"), help="the folder that gets the files")
    parser.add_argument("--only", action="append", help="the name of a state; may be repeated")
    parser.add_argument("--width", action="append", type=int, choices=WIDTHS, help="may be repeated")
    parser.add_argument("--theme", action="append", choices=THEMES, help="may be repeated")
    return parser.parse_args()


@contextlib.contextmanager
def filled_server() -> Iterator[tuple[Served, str]]:
    """A server whose account has tasks in several states, and the id of one with a picture and a reference."""
    settings = {"engine": "builtin", "account_tasks": "1000", "uploads_per_second": "1000"}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), **settings) as served:
        yield served, _fill(client_of(served))


def _fill(client: Client) -> str:
    boat, *_ = [client.wait(client.submit(**({"prompt": None} | dict(each))))["task_id"] for each in PICTURES]
    reference = [{"type": "png", "file_token": client.token()}]
    client.wait(
        client.submit(prompt="too small to be opened", files=[{"type": "jpg", "url": "https://192.0.2.1/a.jpg"}])
    )
    varied = client.wait(client.submit(prompt="the boat of image[1] in a storm", files=reference, t_pose=True))
    assert boat
    return str(varied["task_id"])


@contextlib.contextmanager
def _readers(browser: Browser, served: Served, width: int, theme: str) -> Iterator[Mapping[tuple[bool, bool], Page]]:
    """A page each of somebody signed in, signed out, and new: by whether they are signed in, and new."""
    viewport = {"width": width, "height": WIDTHS[width]}
    options = {"viewport": viewport, "color_scheme": theme, "reduced_motion": "reduce", "has_touch": width < PHONE}
    with contextlib.ExitStack() as stack:
        pages = {}
        for reader in ((True, False), (False, False), (True, True)):
            pages[reader] = stack.enter_context(browser.new_context(**options)).new_page()
            pages[reader].set_default_timeout(WAIT_MS)
        pages[True, False].goto(link(served, "--operator"))
        pages[True, True].goto(link(served, "--operator", "--account", empty_account(served)))
        yield pages


def _bring(page: Page, served: Served, state: PageState, task: str) -> None:
    page.goto(f"{served.url}/studio{state.path.format(task=task)}")
    page.wait_for_load_state("networkidle")
    if state.open:
        state.open(page)
        page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
