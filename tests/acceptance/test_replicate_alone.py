"""A server whose only vendor takes one reference image, and can stop a job."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from limner.providers.sandbox import card
from limner_vendors import EmulatedSpeed, Vendors
from serving import Served, serving
from task_client import call, run_task, submit, wait_for_end

KONTEXT = "flux.1_kontext_pro"


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["replicate"], speed=EmulatedSpeed(seconds=2)) as emulators:
        yield emulators


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    running = serving(tmp_path_factory.mktemp("replicate") / "data", vendors=emulators.environment())
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


def images(count: int) -> list[dict[str, Any]]:
    return [{"type": "png", "data": base64.b64encode(card(f"reference {number}")).decode()} for number in range(count)]


async def explain(served: Served, task_id: str) -> dict[str, Any]:
    explained: dict[str, Any] = await asyncio.to_thread(served.cli, "tasks", "explain", task_id)
    return explained


async def test_more_images_than_the_only_vendor_takes_are_refused_before_anything_is_held(served: Served) -> None:
    before = await call(served, "/user/balance")

    refused = await call(
        served,
        "/task",
        {"type": "generate_image", "model_version": KONTEXT, "prompt": "both of them", "files": images(2)},
    )

    assert refused["code"] == 1004
    assert "at most 1 image," in refused["suggestion"]
    assert await call(served, "/user/balance") == before


async def test_a_template_s_image_is_left_out_beside_the_caller_s_and_explained(served: Served) -> None:
    task = await run_task(served, KONTEXT, prompt="a knight", template="t_pose", files=images(1))

    explained = await explain(served, task["task_id"])
    assert task["status"] == "success"
    assert [each["outcome"] for each in explained["attempts"]] == ["picture"]
    assert "it takes 1 in all" in str(explained)


async def test_the_vendor_is_asked_to_stop_the_job_of_a_cancelled_task(served: Served, emulators: Vendors) -> None:
    bought = len(emulators.purchases())
    task_id = await submit(served, KONTEXT, prompt="a slow drawing")
    await emulators.until_bought(bought + 1)

    await call(served, f"/task/{task_id}/cancel", {})
    task = await wait_for_end(served, task_id)

    [attempt] = (await explain(served, task_id))["attempts"]
    assert task["status"] == "cancelled"
    assert (attempt["outcome"], attempt["charged"]) == ("given_up", True)  # Replicate charges cancelled jobs
    assert attempt["reason"] == "cancelled by its owner; replicate was asked to stop the job"
