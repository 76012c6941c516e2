"""The four sides of a subject, for real: a server, and the strict emulator of the vendor that draws them."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from limner_vendors import Card, Fault, FaultKind, Vendors, read_card
from serving import Served, serving
from task_client import call, run_task, wait_for_end

PICTURE = Path(__file__).resolve().parents[2] / "src" / "limner" / "templates" / "t_pose" / "pose.png"
FILE = {"data": base64.b64encode(PICTURE.read_bytes()).decode()}
VIEWS = ("front", "left", "back", "right")


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["gemini"]) as emulators:
        yield emulators


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    running = serving(tmp_path_factory.mktemp("multiview") / "data", vendors=emulators.environment())
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.fixture(autouse=True)
async def _well_again(emulators: Vendors) -> AsyncIterator[None]:
    yield
    emulators.faults("gemini").clear()


async def turned(served: Served) -> dict[str, Any]:
    created = await call(served, "/task", {"type": "generate_multiview_image", "file": FILE})
    return await wait_for_end(served, created["data"]["task_id"])


async def edited(served: Served, original: str, *prompts: dict[str, str]) -> dict[str, Any]:
    body = {"type": "edit_multiview_image", "original_task_id": original, "prompts": list(prompts)}
    created = await call(served, "/task", body)
    return await wait_for_end(served, created["data"]["task_id"])


async def views_of(task: dict[str, Any]) -> dict[str, bytes]:
    urls = task["output"]["generate_multiview_image"]
    assert list(urls) == [f"{view}_view_url" for view in VIEWS]
    async with aiohttp.ClientSession() as session:
        pictures = {}
        for view in VIEWS:
            async with session.get(urls[f"{view}_view_url"]) as answer:
                assert answer.status == 200
                pictures[view] = await answer.read()
        return pictures


async def balance(served: Served) -> dict[str, int]:
    reported: dict[str, int] = (await call(served, "/user/balance"))["data"]
    return reported


async def test_a_picture_is_turned_to_four_sides_at_one_price(served: Served, emulators: Vendors) -> None:
    before, bought = await balance(served), len(emulators.purchases())

    task = await turned(served)

    assert (task["status"], task.get("error_msg"), task["consumed_credit"]) == ("success", None, 10)
    cards: dict[str, Card] = {view: read_card(data) for view, data in (await views_of(task)).items()}
    assert len({card.prompt_sha for card in cards.values()}) == 4
    assert {len(card.references) for card in cards.values()} == {1}
    assert len(emulators.purchases()) == bought + 4
    assert (await balance(served))["balance"] == before["balance"] - 10
    assert task["thumbnail"] == task["output"]["generate_multiview_image"]["front_view_url"]
    assert task["served_by"]["pictures"] == 4


async def test_one_side_is_changed_and_the_others_stay_as_they_are(served: Served, emulators: Vendors) -> None:
    original = await turned(served)
    bought = len(emulators.purchases())

    task = await edited(served, original["task_id"], {"view": "back", "prompt": "a blue cape"})

    assert (task["status"], task["consumed_credit"]) == ("success", 5)
    before, after = await views_of(original), await views_of(task)
    assert [view for view in VIEWS if before[view] != after[view]] == ["back"]
    assert len(emulators.purchases()) == bought + 1
    assert len(read_card(after["back"]).references) == 1


async def test_what_was_edited_can_be_edited_again(served: Served) -> None:
    original = await turned(served)
    first = await edited(served, original["task_id"], {"view": "left", "prompt": "a sword"})

    second = await edited(
        served, first["task_id"], {"view": "front", "prompt": "a shield"}, {"view": "right", "prompt": "a belt"}
    )

    assert (second["status"], second["consumed_credit"]) == ("success", 10)
    before, after = await views_of(first), await views_of(second)
    assert [view for view in VIEWS if before[view] != after[view]] == ["front", "right"]


async def test_when_one_side_fails_the_task_fails_costs_nothing_and_shows_nothing(
    served: Served, emulators: Vendors
) -> None:
    before = await balance(served)
    emulators.faults("gemini").add(Fault(FaultKind.MODERATED, prompt="from behind"))

    task = await turned(served)

    assert (task["status"], task["error_code"], task["consumed_credit"]) == ("banned", 2008, 0)
    assert (task["output"], task["result"]) == ({}, {})
    assert await balance(served) == before
    assert (await asyncio.to_thread(served.cli, "credits", "prove"))["proved"] is True


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"type": "generate_multiview_image"}, 1004, "file"),
        ({"type": "generate_multiview_image", "file": FILE, "model_version": "midjourney"}, 1004, "model_version"),
        ({"type": "generate_multiview_image", "file": FILE, "model_version": "dall-e"}, 2017, "model_version"),
        ({"type": "edit_multiview_image", "prompts": [{"view": "left", "prompt": "x"}]}, 1004, "original_task_id"),
        ({"type": "edit_multiview_image", "original_task_id": "x", "prompts": []}, 1004, "prompts"),
        (
            {"type": "edit_multiview_image", "original_task_id": "x", "prompts": [{"view": "top", "prompt": "x"}]},
            1004,
            "view",
        ),
        (
            {"type": "edit_multiview_image", "original_task_id": "x", "prompts": [{"view": "left", "prompt": "x"}] * 2},
            1004,
            "left",
        ),
        (
            {"type": "edit_multiview_image", "original_task_id": "x", "prompts": [{"view": "left", "prompt": " "}]},
            1004,
            "prompts[0].prompt",
        ),
        (
            {"type": "edit_multiview_image", "original_task_id": "x", "prompts": [{"view": "left", "prompt": "x"}]},
            2001,
            "original_task_id",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field_and_nothing_is_held(
    served: Served, body: dict[str, Any], code: int, words: str
) -> None:
    before = await balance(served)

    reported = await call(served, "/task", body)

    assert reported["code"] == code
    assert words in reported["message"] + reported["suggestion"]
    assert await balance(served) == before


async def test_only_a_multiview_task_that_has_succeeded_can_be_edited(served: Served, emulators: Vendors) -> None:
    picture = await run_task(served, "gemini_2.5_flash_image_preview", prompt="a fox")
    emulators.faults("gemini").add(Fault(FaultKind.MODERATED))
    failed = await turned(served)
    body = {"type": "edit_multiview_image", "prompts": [{"view": "left", "prompt": "x"}]}

    codes = [
        (await call(served, "/task", {**body, "original_task_id": task["task_id"]}))["code"]
        for task in (picture, failed)
    ]

    assert codes == [2006, 2007]


async def test_one_multiview_task_is_under_way_at_a_time(served: Served, emulators: Vendors) -> None:
    emulators.faults("gemini").add(Fault(FaultKind.SLOW, value=2, times=None))
    body = {"type": "generate_multiview_image", "file": FILE}

    first = await call(served, "/task", body)
    second = await call(served, "/task", body)
    emulators.faults("gemini").clear()

    assert (first["code"], second["code"]) == (0, 2000)
    assert (await wait_for_end(served, first["data"]["task_id"]))["status"] == "success"
