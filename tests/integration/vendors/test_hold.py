"""The hold fault stops a request at a given point and notifies the test."""

import asyncio
from typing import Any

import aiohttp
import pytest

from limner_vendors import NAMES, Fault, FaultKind
from vendor_client import VendorClient

every = pytest.mark.parametrize("vendor", NAMES)


def door(vendor_client: VendorClient, vendor: str) -> str:
    return f"{vendor_client.emulators.base_url(vendor).removesuffix('/v1')}/_emulator/held"


async def held(vendor_client: VendorClient, vendor: str, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        reported: list[dict[str, Any]] = (
            await vendor_client.request("GET", f"{door(vendor_client, vendor)}?count={count}")
        ).json["held"]
        return reported


@every
@pytest.mark.parametrize(("moment", "bought"), [("received", 0), ("done", 1), ("half", 1)])
async def test_a_request_is_held_at_its_moment_and_continues_when_released(
    vendor: str, moment: str, bought: int, vendor_client: VendorClient
) -> None:
    vendor_client.emulators.faults(vendor).add(Fault(FaultKind.HOLD, how=moment))
    waiting = asyncio.create_task(vendor_client.buy(vendor, "a cat"))

    seen = await held(vendor_client, vendor)
    then = len(vendor_client.emulators.purchases(vendor))
    let_go = await vendor_client.request("DELETE", door(vendor_client, vendor))
    answer = await waiting

    assert seen == [{"stage": "submit", "moment": moment, "prompt": "a cat"}]
    assert then == bought
    assert let_go.json == {"let_go": 1}
    assert answer.status in {200, 201}
    assert answer.json
    assert len(vendor_client.emulators.purchases(vendor)) == 1


@every
@pytest.mark.parametrize(("moment", "bought"), [("received", 0), ("done", 1), ("half", 1)])
async def test_an_order_whose_caller_is_gone_ends_where_it_is_held(
    vendor: str, moment: str, bought: int, vendor_client: VendorClient
) -> None:
    vendor_client.emulators.faults(vendor).add(Fault(FaultKind.HOLD, how=moment))
    async with aiohttp.ClientSession() as session:
        waiting = asyncio.create_task(VendorClient(vendor_client.emulators, session).buy(vendor, "a cat"))
        await held(vendor_client, vendor)
        waiting.cancel()

    async with asyncio.timeout(60):
        await vendor_client.emulators.emulator(vendor).holds.until_none()
    after = await vendor_client.buy(vendor, "a dog")

    assert after.status in {200, 201}
    assert len(vendor_client.emulators.purchases(vendor)) == bought + 1


async def test_several_are_waited_for_and_let_go_together(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("bfl").add(Fault(FaultKind.HOLD, times=3))
    waiting = [asyncio.create_task(vendor_client.buy("bfl", f"cat {number}")) for number in range(3)]

    seen = await held(vendor_client, "bfl", 3)
    await vendor_client.request("DELETE", door(vendor_client, "bfl"))
    answers = await asyncio.gather(*waiting)

    assert sorted(one["prompt"] for one in seen) == ["cat 0", "cat 1", "cat 2"]
    assert [one.status for one in answers] == [200, 200, 200]


async def test_a_stream_is_held_too(vendor_client: VendorClient) -> None:
    vendor_client.emulators.faults("openai").add(Fault(FaultKind.HOLD, how="half"))
    body = {"model": "gpt-image-2", "prompt": "a cat", "stream": True}
    url = f"{vendor_client.emulators.base_url('openai')}/images/generations"
    waiting = asyncio.create_task(vendor_client.request("POST", url, vendor_client.headers("openai"), json=body))

    seen = await held(vendor_client, "openai")
    await vendor_client.request("DELETE", door(vendor_client, "openai"))
    answer = await waiting

    assert [one["moment"] for one in seen] == ["half"]
    assert b"image_generation.completed" in answer.data
    assert answer.data.endswith(b"\n\n")


async def test_a_count_is_a_number(vendor_client: VendorClient) -> None:
    assert (await vendor_client.request("GET", f"{door(vendor_client, 'bfl')}?count=many")).status == 400
