"""A request is stopped at a moment, and somebody outside hears of it."""

import asyncio
from typing import Any

import aiohttp
import pytest

from asking import Asker
from limner.testing.vendors import NAMES, Fault, FaultKind

every = pytest.mark.parametrize("vendor", NAMES)


def door(asker: Asker, vendor: str) -> str:
    return f"{asker.street.base_url(vendor).removesuffix('/v1')}/_emulator/held"


async def held(asker: Asker, vendor: str, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        told: list[dict[str, Any]] = (await asker.ask("GET", f"{door(asker, vendor)}?count={count}")).json["held"]
        return told


@every
@pytest.mark.parametrize(("moment", "bought"), [("received", 0), ("done", 1), ("half", 1)])
async def test_an_order_is_held_at_its_moment_and_goes_on_when_it_is_let_go(
    vendor: str, moment: str, bought: int, asker: Asker
) -> None:
    asker.street.faults(vendor).add(Fault(FaultKind.HOLD, how=moment))
    waiting = asyncio.create_task(asker.buy(vendor, "a cat"))

    seen = await held(asker, vendor)
    then = len(asker.street.purchases(vendor))
    let_go = await asker.ask("DELETE", door(asker, vendor))
    answer = await waiting

    assert seen == [{"stage": "submit", "moment": moment, "prompt": "a cat"}]
    assert then == bought
    assert let_go.json == {"let_go": 1}
    assert answer.status in {200, 201}
    assert answer.json
    assert len(asker.street.purchases(vendor)) == 1


@every
@pytest.mark.parametrize(("moment", "bought"), [("received", 0), ("done", 1), ("half", 1)])
async def test_an_order_whose_caller_is_gone_ends_where_it_is_held(
    vendor: str, moment: str, bought: int, asker: Asker
) -> None:
    asker.street.faults(vendor).add(Fault(FaultKind.HOLD, how=moment))
    async with aiohttp.ClientSession() as session:
        waiting = asyncio.create_task(Asker(asker.street, session).buy(vendor, "a cat"))
        await held(asker, vendor)
        waiting.cancel()

    async with asyncio.timeout(30):
        await asker.street.emulator(vendor).holds.until_none()
    after = await asker.buy(vendor, "a dog")

    assert after.status in {200, 201}
    assert len(asker.street.purchases(vendor)) == bought + 1


async def test_several_are_waited_for_and_let_go_together(asker: Asker) -> None:
    asker.street.faults("bfl").add(Fault(FaultKind.HOLD, times=3))
    waiting = [asyncio.create_task(asker.buy("bfl", f"cat {number}")) for number in range(3)]

    seen = await held(asker, "bfl", 3)
    await asker.ask("DELETE", door(asker, "bfl"))
    answers = await asyncio.gather(*waiting)

    assert sorted(one["prompt"] for one in seen) == ["cat 0", "cat 1", "cat 2"]
    assert [one.status for one in answers] == [200, 200, 200]


async def test_a_stream_is_held_too(asker: Asker) -> None:
    asker.street.faults("openai").add(Fault(FaultKind.HOLD, how="half"))
    body = {"model": "gpt-image-2", "prompt": "a cat", "stream": True}
    url = f"{asker.street.base_url('openai')}/images/generations"
    waiting = asyncio.create_task(asker.ask("POST", url, asker.headers("openai"), json=body))

    seen = await held(asker, "openai")
    await asker.ask("DELETE", door(asker, "openai"))
    answer = await waiting

    assert [one["moment"] for one in seen] == ["half"]
    assert b"image_generation.completed" in answer.data
    assert answer.data.endswith(b"\n\n")


async def test_a_count_is_a_number(asker: Asker) -> None:
    assert (await asker.ask("GET", f"{door(asker, 'bfl')}?count=many")).status == 400
