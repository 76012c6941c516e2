"""A model that Limner does not know, from `limner.toml` alone: the example of the page on providers."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from limner_vendors import Vendors, read_card
from serving import Served, serving
from task_client import call, download_picture, run_task

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "src" / "limner" / "templates" / "t_pose" / "pose.png"
INLINE = {"data": base64.b64encode(PICTURE.read_bytes()).decode()}


def documented_configuration() -> str:
    page = (ROOT / "docs" / "providers.md").read_text()
    return next(block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if block.startswith("[[model]]"))


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["fal"]) as emulators:
        yield emulators
        assert emulators.violations() == []


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    data = tmp_path_factory.mktemp("own-models") / "data"
    data.mkdir()
    (data / "limner.toml").write_text(documented_configuration())
    running = serving(data, vendors=emulators.environment())
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.mark.parametrize("name", ["ink_wash", "ink"])
async def test_it_draws_from_words(served: Served, emulators: Vendors, name: str) -> None:
    task = await run_task(served, name, prompt="a heron")

    assert (task["status"], task["consumed_credit"], task["input"]["model_version"]) == ("success", 7, "ink_wash")
    assert task["served_by"]["model"] == "acme/ink-wash"
    assert emulators.purchases("fal")[-1].model == "acme/ink-wash"


async def test_it_draws_from_pictures(served: Served, emulators: Vendors) -> None:
    task = await run_task(served, "ink_wash", prompt="image[1] as image[2]", files=[INLINE, INLINE])

    assert task["status"] == "success"
    assert len(read_card(await download_picture(task)).references) == 2
    assert emulators.purchases("fal")[-1].model == "acme/ink-wash/with-references"


async def test_a_third_picture_is_refused_before_anything_is_bought(served: Served, emulators: Vendors) -> None:
    bought = len(emulators.purchases("fal"))

    refusal = await call(
        served,
        "/task",
        {"type": "generate_image", "model_version": "ink_wash", "prompt": "a heron", "files": [INLINE] * 3},
    )

    assert refusal["code"] == 1004
    assert refusal["suggestion"].endswith("Send at most 2 images in all.")
    assert len(emulators.purchases("fal")) == bought


async def test_its_price_is_recorded(served: Served) -> None:
    await run_task(served, "ink_wash", prompt="a heron")

    [spent] = (await asyncio.to_thread(served.cli, "spend"))["routes"]

    assert (spent["route"], spent["unpriced"]) == ("fal/acme/ink-wash", 0)
    assert spent["cost_usd"] == pytest.approx(0.07 * spent["pictures"])


async def test_it_is_listed(served: Served) -> None:
    answer = await call(served, "/models")
    [found] = [each for each in answer["data"]["models"] if each["model_version"] == "ink_wash"]

    assert (found["title"], found["aliases"]) == ("Ink wash", ["ink"])
    assert (found["credits"], found["reference_images"]) == (7, 2)
    assert found["served_by"] == [{"provider": "fal", "model": "acme/ink-wash"}]
    [shown] = [each for each in await asyncio.to_thread(served.cli, "models") if each["name"] == "ink_wash"]
    assert shown["routes"] == [{"provider": "fal", "upstream": "acme/ink-wash", "price_usd": 0.07}]
