"""Several routes to a model, for real: a server, and the emulators of the vendors it falls back between."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from limner_vendors import EmulatedSpeed, Fault, FaultKind, Vendors
from limner_vendors.bfl import UNFINISHED_AT_ONCE
from serving import Served, serving
from task_client import run_task

ROUTES = [
    {"model": "flux.1_dev", "provider": "sglang", "upstream": "black-forest-labs/FLUX.1-dev", "price_usd": 0.0},
    {"model": "flux.1_dev", "provider": "bfl", "upstream": "flux-dev"},
    {"model": "flux.1_kontext_pro", "provider": "bfl", "upstream": "flux-kontext-pro"},
    {"model": "flux.1_kontext_pro", "provider": "fal", "upstream": "fal-ai/flux-pro/kontext"},
    {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-1"},
    {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-2"},
]


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["bfl", "fal", "openai", "sglang"], speed=EmulatedSpeed(seconds=0.05)) as emulators:
        yield emulators


@pytest.fixture(scope="module")
async def served(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    data = tmp_path_factory.mktemp("routes") / "data"
    running = serving(data, vendors=emulators.environment(), route=json.dumps(ROUTES), account_tasks="500")
    served = await asyncio.to_thread(running.__enter__)
    yield served
    await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.fixture(autouse=True)
async def _well_again(emulators: Vendors, served: Served) -> AsyncIterator[None]:
    yield
    for name in emulators.names:
        emulators.faults(name).clear()


async def explained(served: Served, task: dict[str, Any]) -> list[tuple[str, str | None]]:
    reported = await asyncio.to_thread(served.cli, "tasks", "explain", task["task_id"])
    return [(attempt["route"], attempt["outcome"]) for attempt in reported["attempts"]]


async def test_a_server_of_one_s_own_is_asked_first(served: Served) -> None:
    task = await run_task(served, "flux.1_dev", prompt="a red bicycle")

    assert (task["status"], task["served_by"]["provider"]) == ("success", "sglang")
    assert task["served_by"]["model"] == "black-forest-labs/FLUX.1-dev"


async def test_when_the_gpus_are_out_the_vendor_is_asked(served: Served) -> None:
    task = await run_task(served, "flux.1_dev", prompt="a red bicycle #fault:sglang/unavailable*3")

    assert (task["status"], task["served_by"]["provider"]) == ("success", "bfl")
    assert task["served_by"]["instead_of"] == {"provider": "sglang", "model": "black-forest-labs/FLUX.1-dev"}
    assert await explained(served, task) == [
        *[("sglang/black-forest-labs/FLUX.1-dev", "transient")] * 3,
        ("bfl/flux-dev", "picture"),
    ]


async def test_a_cap_leaves_the_server_of_one_s_own(served: Served) -> None:
    task = await run_task(served, "flux.1_dev", prompt="a red bicycle", max_vendor_usd=0)

    assert (task["status"], task["served_by"]["provider"]) == ("success", "sglang")
    assert task["input"]["max_vendor_usd"] == 0


async def test_a_model_that_was_shut_down_leads_to_its_successor(served: Served) -> None:
    task = await run_task(served, "gpt_4o", prompt="a red bicycle")
    next_one = await run_task(served, "gpt_4o", prompt="a green bicycle")

    assert task["served_by"]["model"] == "gpt-image-2"
    assert await explained(served, task) == [
        ("openai/gpt-image-1", "model_unavailable"),
        ("openai/gpt-image-2", "picture"),
    ]
    assert await explained(served, next_one) == [("openai/gpt-image-2", "picture")]


async def test_a_vendor_s_limit_is_kept_by_waiting_and_no_task_fails_of_it(served: Served, emulators: Vendors) -> None:
    emulators.faults("bfl").add(Fault(FaultKind.LONG, value=0.3, times=None))
    many = UNFINISHED_AT_ONCE + 26

    tasks = await asyncio.gather(
        *(run_task(served, "flux.1_kontext_pro", prompt=f"bicycle number {n}") for n in range(many))
    )

    assert [(task["status"], task["served_by"]["provider"]) for task in tasks] == [("success", "bfl")] * many
    books = await asyncio.gather(*(explained(served, task) for task in tasks[:: many // 5]))
    assert {outcome for book in books for _, outcome in book} == {"picture"}


async def test_a_rate_limited_attempt_waits_and_the_task_succeeds(served: Served) -> None:
    task = await run_task(served, "flux.1_kontext_pro", prompt="a bicycle #fault:bfl/rate_limited=1*1")

    assert (task["status"], task["served_by"]["provider"]) == ("success", "bfl")
    assert await explained(served, task) == [
        ("bfl/flux-kontext-pro", "rate_limited"),
        ("bfl/flux-kontext-pro", "picture"),
    ]


async def test_an_account_that_has_run_dry_is_left_alone_and_said_to_be(served: Served, emulators: Vendors) -> None:
    emulators.faults("bfl").add(Fault(FaultKind.QUOTA, times=1))

    first = await run_task(served, "flux.1_kontext_pro", prompt="a bicycle")
    second = await run_task(served, "flux.1_kontext_pro", prompt="another bicycle")

    assert await explained(served, first) == [
        ("bfl/flux-kontext-pro", "quota_exhausted"),
        ("fal/fal-ai/flux-pro/kontext", "picture"),
    ]
    assert await explained(served, second) == [("fal/fal-ai/flux-pro/kontext", "picture")]
    listed = {each["name"]: each for each in await asyncio.to_thread(served.cli, "providers", "list")}
    assert listed["bfl"]["trouble"][0].startswith("bfl/flux-kontext-pro is not used until ")
    assert (listed["sglang"]["active"], listed["sglang"]["models"]) == (True, ["flux.1_dev"])
    assert listed["gemini"]["missing"] == "GEMINI_API_KEY is not set"


async def test_a_vendor_that_answers_well_when_it_is_checked_is_tried_again_at_once(
    served: Served, emulators: Vendors
) -> None:
    emulators.faults("bfl").add(Fault(FaultKind.QUOTA, times=1))
    await run_task(served, "flux.1_kontext_pro", prompt="a bicycle")
    emulators.faults("bfl").clear()

    await asyncio.to_thread(served.cli, "providers", "check", "bfl")
    task = await run_task(served, "flux.1_kontext_pro", prompt="another bicycle")

    assert await explained(served, task) == [("bfl/flux-kontext-pro", "picture")]


async def test_what_it_cost_stands_beside_the_credits(served: Served, emulators: Vendors) -> None:
    before = await spent(served)
    await run_task(served, "flux.1_dev", prompt="one more bicycle")
    await run_task(served, "gpt_4o", prompt="one more bicycle")
    after = await spent(served)

    assert after["credits"] - before["credits"] >= 10
    assert after["cost_usd"] > before["cost_usd"]


async def spent(served: Served) -> dict[str, Any]:
    reported = await asyncio.to_thread(served.cli, "spend")
    total: dict[str, Any] = reported["total"]
    return total
