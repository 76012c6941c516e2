"""Previews of pictures: from OpenAI's stream to watchers, links and OpenAI's clients, as hints that cost nothing."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from PIL import Image
from websockets.asyncio.client import connect

from limner_vendors import Vendors
from serving import Served, serving
from task_client import call, download_picture, run_task, submit, wait_for_end

MODEL = "gpt_image_2.6_flare"
HELD = "#fault:hold=previewed*1"
STREAMS = {"LIMNER_PROVIDER__OPENAI__OPTIONS": json.dumps({"stream": True})}


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["openai", "bfl"]) as emulators:
        yield emulators
        assert emulators.violations() == []


@asynccontextmanager
async def server(data: Path, emulators: Vendors, **settings: str) -> AsyncIterator[Served]:
    running = serving(data, vendors=emulators.environment() | STREAMS, **settings)
    served = await asyncio.to_thread(running.__enter__)
    try:
        yield served
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with server(tmp_path_factory.mktemp("partials") / "data", emulators) as served:
        yield served


async def fetched(url: str) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read()


def picture(data: str | bytes) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data))


async def test_watchers_see_previews_before_the_picture(served: Served, emulators: Vendors) -> None:
    task = await submit(served, MODEL, prompt=f"a heron {HELD}", partial_images=2)
    address = f"{served.api.replace('http', 'ws', 1)}/task/watch/{task}"
    frames: list[dict[str, Any]] = []

    async with connect(address, additional_headers={"Authorization": f"Bearer {served.key}"}) as watch:
        async for frame in watch:
            frames.append(json.loads(frame)["data"])
            if len(frames[-1].get("partial_images", ())) == 2 and frames[-1]["status"] == "running":
                emulators.emulator("openai").holds.let_go()

    running = [each for each in frames if each["status"] == "running" and "partial_images" in each]
    assert [(each["picture"], each["number"]) for each in running[-1]["partial_images"]] == [(1, 0), (1, 1)]
    assert all(each["output"] == {} for each in running)
    ended = await wait_for_end(served, task)
    assert (ended["status"], list(ended["output"])) == ("success", ["generated_image"])
    for preview in ended["partial_images"]:
        status, content = await fetched(preview["url"])
        assert (status, picture(content).format) == (200, "PNG")
        assert picture(content).width < picture(await download_picture(ended)).width


async def test_previews_cost_nothing_and_are_erased_with_their_task(served: Served, emulators: Vendors) -> None:
    bought = len(emulators.purchases("openai"))
    ended = await run_task(served, MODEL, prompt="two herons", partial_images=3, n=2)

    assert (ended["status"], ended["consumed_credit"]) == ("success", 10)
    assert len(emulators.purchases("openai")) == bought + 2
    assert sorted((each["picture"], each["number"]) for each in ended["partial_images"]) == [
        *[(1, number) for number in range(3)],
        *[(2, number) for number in range(3)],
    ]
    assert (await asyncio.to_thread(served.cli, "doctor", "--deep"))["well"]
    links = [each["url"] for each in ended["partial_images"]]
    receipt = await asyncio.to_thread(served.cli, "tasks", "erase", ended["task_id"], "--yes")
    assert receipt["files"] >= 2
    assert "partial_images" not in (await call(served, f"/task/{ended['task_id']}"))["data"]
    assert {(await fetched(each))[0] for each in links} == {404}


async def test_a_route_that_has_none_says_so(served: Served) -> None:
    ended = await run_task(served, "flux.1_kontext_pro", prompt="a heron", partial_images=1)

    assert ended["status"] == "success"
    assert ended["ignored"] == [
        {"field": "partial_images", "reason": "flux-kontext-pro at bfl shows no picture before it is finished"}
    ]


@pytest.mark.parametrize("count", [4, -1])
async def test_more_than_three_are_refused(served: Served, emulators: Vendors, count: int) -> None:
    bought = len(emulators.purchases())
    sent = {"type": "generate_image", "model_version": MODEL, "prompt": "a heron", "partial_images": count}
    answer = await call(served, "/task", sent)

    assert (answer["code"], "partial_images may be 0 to 3" in answer["suggestion"]) == (1004, True)
    assert len(emulators.purchases()) == bought


async def test_openai_s_client_gets_its_events(served: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=str(served.key), max_retries=0) as client:
        stream = await client.images.generate(
            model="gpt-image-2.6-flare", prompt="a heron", stream=True, partial_images=2
        )
        events = [event async for event in stream]

    kinds = ["image_generation.partial_image", "image_generation.partial_image", "image_generation.completed"]
    assert [event.type for event in events] == kinds
    assert [event.partial_image_index for event in events[:2]] == [0, 1]  # type: ignore[union-attr]
    assert all(picture(event.b64_json).size == tuple(map(int, event.size.split("x"))) for event in events)


@pytest.mark.parametrize(
    ("policy", "outcome"), [("fail_and_refund", ("failed", 0, 1)), ("resend_once", ("success", 5, 2))]
)
async def test_a_kill_between_preview_and_picture_loses_nothing(
    emulators: Vendors, tmp_path: Path, policy: str, outcome: tuple[str, int, int]
) -> None:
    """What was bought is unknown then, and what the operator chose for that holds: nothing else is bought."""
    before, held = len(emulators.purchases("openai")), emulators.emulator("openai").holds
    async with server(tmp_path, emulators, unknown_outcome=policy) as served:
        key, task = served.key, await submit(served, MODEL, prompt=f"a crane, {policy} {HELD}", partial_images=1)
        await held.until()
        await previewed(served, task)
        await asyncio.to_thread(served.kill)
    await held.until_none()

    async with server(tmp_path, emulators, unknown_outcome=policy) as served:
        ended = await wait_for_end(replace(served, key=key), task)
        assert (await asyncio.to_thread(served.cli, "doctor", "--deep"))["well"]
        assert (await fetched(ended["partial_images"][0]["url"]))[0] == 200
    assert (ended["status"], ended["consumed_credit"], len(emulators.purchases("openai")) - before) == outcome


async def previewed(served: Served, task: str) -> None:
    """Return when the task has a preview."""
    address = f"{served.api.replace('http', 'ws', 1)}/task/watch/{task}"
    async with connect(address, additional_headers={"Authorization": f"Bearer {served.key}"}) as watch:
        async for frame in watch:
            if json.loads(frame)["data"].get("partial_images"):
                return
