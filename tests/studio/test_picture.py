"""The page of one picture: its story, the same from a program, and comparing two."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from contract.client import PICTURE, Client, client_of
from limner.studio.picture.programs import programs
from serving import Served
from studio.browser import Tab, new_tab

BODY = {"type": "generate_image", "prompt": 'a robot\'s "arm" in 铜 $HOME `pwd` \\ and\na line', "template": "figure"}
RUNS = {
    "curl": ["sh", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}


@pytest.fixture
def client(studio: Served) -> Client:
    return client_of(studio)


@pytest.mark.parametrize("name", RUNS)
def test_the_copied_program_makes_the_same_task(studio: Served, client: Client, name: str) -> None:
    command = RUNS[name]
    for program in (command[0], "curl" if name == "curl" else command[0]):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    code = {each: text for each, _, text in programs(BODY)}[name]
    environment: Mapping[str, str] = os.environ | {"URL": studio.url, "KEY": str(studio.key)}

    done = subprocess.run([*command, code], env=environment, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    made = client.task(json.loads(done.stdout)["data"]["task_id"])
    assert {field: made["input"][field] for field in ("prompt", "template")} == {
        "prompt": BODY["prompt"],
        "template": "figure",
    }


def test_the_story_tells_the_parts_the_pictures_and_no_key(tab: Tab, studio: Served, client: Client) -> None:
    parent = client.done(prompt="the first of two")["task_id"]
    files = [{"type": "png", "file_token": client.token(PICTURE)}]
    made = client.done(prompt="like image[1], in bronze", files=files, t_pose=True)["task_id"]
    tab.sign_in()

    tab.open(f"/pictures/{made}")

    story = tab.page.locator(".story")
    expect(story.locator(".part--mine")).to_contain_text("in bronze")
    expect(story.locator(".part").first).to_contain_text("Switch: T-pose")
    expect(story.locator(".refrow")).to_have_count(1)
    expect(story.locator(".rows--fall li")).to_have_count(3)  # the queue, one attempt, and keeping
    expect(story.locator("pre").first).to_contain_text("$KEY")
    assert str(studio.key) not in tab.page.content()
    assert parent != made


def test_two_pictures_are_compared_in_words(tab: Tab, client: Client) -> None:
    for prompt in ("compared: a red fox", "compared: a blue fox"):
        client.done(prompt=prompt)
    tab.sign_in()
    tab.open("/history?q=compared")
    for check in tab.page.locator(".tile .check").all():
        check.check()

    tab.page.locator("[data-act=compare-selected]").click()

    words = tab.page.locator(".compare__diff p").first
    expect(words.locator("del")).to_have_text("blue")
    expect(words.locator("ins")).to_have_text("red")
    before = tab.page.locator("#compare [data-a]").get_attribute("src")
    tab.page.keyboard.press("s")
    expect(tab.page.locator("#compare [data-b]")).to_have_attribute("src", str(before))
    expect(words.locator("del")).to_have_text("red")
    tab.page.locator("#compare input[type=range]").focus()
    tab.page.keyboard.press("ArrowRight")
    expect(tab.page.locator("#compare input[type=range]")).to_have_value("51")


def test_the_next_pictures_by_keys(tab: Tab, client: Client) -> None:
    older, newer = (client.done(prompt=f"a step {n}")["task_id"] for n in (1, 2))
    tab.sign_in()
    tab.open(f"/pictures/{older}")
    expect(tab.page.locator("[data-zoomnow]")).not_to_have_text("")

    tab.page.keyboard.press("j")

    tab.page.wait_for_url(f"**/pictures/{newer}")


def test_two_fingers_zoom_and_the_picture_stays_in_reach(browser: Browser, studio: Served, client: Client) -> None:
    made = client.done(prompt="looked at closely")["task_id"]
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        tab = new_tab(context, studio)
        tab.sign_in()
        tab.open(f"/pictures/{made}")
        expect(tab.page.locator("[data-zoomnow]")).not_to_have_text("")
        box = tab.page.locator("#stage").bounding_box()
        assert box
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        _touch(tab.page, [[(middle[0] - wide, middle[1]), (middle[0] + wide, middle[1])] for wide in (20, 40, 60)])

        assert _zoom(tab.page) == pytest.approx(3, rel=0.05)
        _touch(tab.page, [[(middle[0] + far, middle[1])] for far in (0, 2000)])
        assert tab.page.evaluate("parseFloat(document.querySelector('#stage img').style.getPropertyValue('--tx'))") == (
            pytest.approx(box["width"] * (_zoom(tab.page) - 1) / 2, rel=0.01)
        )
        tab.page.keyboard.press("0")
        assert _zoom(tab.page) == 1


def test_the_wheel_zooms_at_the_pointer(tab: Tab, client: Client) -> None:
    """The point of the picture that is under the pointer stays there."""
    made = client.done(prompt="zoomed at a corner")["task_id"]
    tab.sign_in()
    tab.open(f"/pictures/{made}")
    expect(tab.page.locator("[data-zoomnow]")).not_to_have_text("")
    box = tab.page.locator("#stage").bounding_box()
    assert box
    off = box["width"] / 4

    tab.page.mouse.move(box["x"] + box["width"] / 2 + off, box["y"] + box["height"] / 2)
    tab.page.mouse.wheel(0, -400)

    tab.page.wait_for_function("document.querySelector('#stage img').style.getPropertyValue('--z') > 1")
    moved = tab.page.evaluate("parseFloat(document.querySelector('#stage img').style.getPropertyValue('--tx'))")
    assert moved == pytest.approx(off * (1 - _zoom(tab.page)), rel=0.01)


def _touch(page: Page, steps: list[list[tuple[float, float]]]) -> None:
    """Fingers that go down at the first step's points, over the others, and up."""
    session = page.context.new_cdp_session(page)
    for number, points in enumerate(steps):
        touched = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        session.send(
            "Input.dispatchTouchEvent", {"type": "touchMove" if number else "touchStart", "touchPoints": touched}
        )
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def _zoom(page: Page) -> float:
    return float(page.evaluate("document.querySelector('#stage img').style.getPropertyValue('--z')"))
