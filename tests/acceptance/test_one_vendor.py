"""With one vendor's key and nothing else, the first request works: one that names no model."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from limner_vendors import Vendors
from serving import Served, serving
from task_client import call, wait_for_end

FIRST_MODEL = {
    "openai": "gpt_4o",
    "gemini": "gemini_2.5_flash_image_preview",
    "midjourney": "midjourney",
    "bfl": "flux.1_kontext_pro",
    "fal": "flux.1_kontext_pro",
    "replicate": "flux.1_kontext_pro",
}


@pytest.fixture(params=FIRST_MODEL)
async def vendor_alone(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Served]]:
    async with Vendors.running([request.param]) as emulators:
        running = serving(tmp_path / "data", vendors=emulators.environment())
        yield request.param, await asyncio.to_thread(running.__enter__)
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_a_task_without_a_model_runs_on_a_model_that_is_served(vendor_alone: tuple[str, Served]) -> None:
    vendor, served = vendor_alone

    created = await call(served, "/task", {"type": "generate_image", "prompt": "a lighthouse on a cliff at night"})
    task = await wait_for_end(served, created["data"]["task_id"])

    assert (task["status"], task["served_by"]["provider"]) == ("success", vendor)
    assert task["input"]["model_version"] == FIRST_MODEL[vendor]


@pytest.mark.parametrize("vendor_alone", ["openai"], indirect=True)
async def test_a_refused_model_names_those_that_are_served(vendor_alone: tuple[str, Served]) -> None:
    _, served = vendor_alone

    refusal = await call(served, "/task", {"type": "generate_image", "prompt": "a cat", "model_version": "midjourney"})

    assert refusal["code"] == 2017
    assert "gpt_4o, gpt_image_1.5, gpt_image_2" in refusal["suggestion"]
