"""Thumbnails over HTTP: small, cached, the caller's own, and gone with the picture."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from contract.client import BASE, Client, newcomer
from limner.domain.thumbnail import SIDES
from serving import Served

MOST_BYTES = 25_000


@pytest.fixture
def owner(served: Served) -> Client:
    return newcomer(served)


def listed(client: Client) -> dict[str, Any]:
    """The newest task, as its list shows it."""
    first: dict[str, Any] = client.get(f"{BASE}/tasks?limit=1").data["tasks"][0]
    return first


def stored(served: Served) -> set[Path]:
    return set((served.data / "blobs" / "thumbnails").rglob("*.webp"))


def longest_side(picture: bytes) -> int:
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.format == "WEBP"
        return max(opened.size)


def test_a_link_of_a_list_is_a_small_picture_without_a_key(owner: Client) -> None:
    owner.done()

    answer = owner.get(listed(owner)["thumbnail_url"], auth=False)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.body) <= MOST_BYTES
    assert longest_side(answer.body) <= 320


def test_a_link_is_the_same_all_day_so_that_browsers_cache_it(owner: Client) -> None:
    owner.done()

    assert listed(owner)["thumbnail_url"] == listed(owner)["thumbnail_url"]


@pytest.mark.parametrize(("wanted", "side"), [(1, 96), (96, 96), (97, 192), (320, 320), (641, 640), (99999, 640)])
def test_other_widths_are_rounded_up(owner: Client, wanted: int, side: int) -> None:
    task = owner.done()["task_id"]

    first = owner.get(f"/thumbs/{task}.webp?w={wanted}")

    assert side in SIDES
    assert first.status == 200
    assert longest_side(first.body) <= side
    assert first.headers["ETag"] == owner.get(f"/thumbs/{task}.webp?w={side}").headers["ETag"]


def test_it_is_made_once_and_then_told_by_its_etag(served: Served, owner: Client) -> None:
    path = f"/thumbs/{owner.done(prompt='made once')['task_id']}.webp?w=96"
    before = stored(served)
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: owner.get(path), range(8)))

    again = owner.get(path, {"If-None-Match": answers[0].headers["ETag"]})

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(stored(served) - before) <= 1
    assert (again.status, again.body) == (304, b"")


def test_each_view_has_its_own(owner: Client) -> None:
    task = owner.done(type="generate_multiview_image", prompt=None, file={"type": "png", "file_token": owner.token()})

    answers = {name: owner.get(f"/thumbs/{task['task_id']}.webp?name={name}") for name in ("front_view", "left_view")}

    assert {answer.status for answer in answers.values()} == {200}
    assert owner.get(f"/thumbs/{task['task_id']}.webp?name=top_view").refusal == (404, 2019)


def test_it_is_the_accounts_own(owner: Client, other_client: Client) -> None:
    task = owner.done()["task_id"]
    link = listed(owner)["thumbnail_url"]
    other = listed(owner)["thumbnail_url"].replace(task, "00000000-0000-4000-8000-000000000000")

    assert owner.get(f"/thumbs/{task}.webp", auth=False).refusal == (401, 1002)
    assert other_client.get(f"/thumbs/{task}.webp").refusal == (404, 2001)
    assert owner.get(other, auth=False).refusal == (403, 1005)
    assert owner.get(link.replace("exp=", "exp=9"), auth=False).refusal == (403, 1005)
    assert parse_qs(urlsplit(link).query)["w"] == ["320"]


def test_it_needs_the_scope_read(served: Served) -> None:
    writer = newcomer(served, scopes=("generate",))

    assert writer.get("/thumbs/00000000-0000-4000-8000-000000000000.webp").refusal == (403, 1005)


@pytest.mark.parametrize("width", ["0", "-1", "wide", "", "1e3", "%EF%BC%99%EF%BC%96", "999999"])
def test_a_wrong_width_is_refused(owner: Client, width: str) -> None:
    task = owner.done()["task_id"]

    assert owner.get(f"/thumbs/{task}.webp?w={width}").refusal == (400, 1004)


def test_a_task_without_a_picture_has_none(owner: Client, idle: Served) -> None:
    waiting = newcomer(idle)
    task = waiting.submit()

    assert waiting.get(f"/thumbs/{task}.webp").refusal == (404, 2019)
    assert "thumbnail_url" not in listed(waiting)


def test_it_is_erased_with_the_picture(served: Served, owner: Client) -> None:
    before = stored(served)
    task = owner.done(prompt="a thumbnail to be erased")["task_id"]
    link = listed(owner)["thumbnail_url"]
    owner.get(link, auth=False)
    made = stored(served) - before

    owner.post("/tasks/erase", {"task_ids": [task], "grace_s": 0})
    deadline = time.monotonic() + 60
    while made & stored(served):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert len(made) == 1
    assert owner.get(link, auth=False).refusal == (404, 2019)
