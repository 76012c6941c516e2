import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from limner.providers.diffusers.turns import ModelTurns

pytestmark = pytest.mark.anyio


class TurnHarness:
    """Orders for models, named like "a1" for model a; each holds its turn until it is told to end."""

    def __init__(self, seats: int) -> None:
        self.turns: ModelTurns[str] = ModelTurns(seats)
        self.working: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._work(name))
            await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks.pop(name)
        await self._settle()

    async def cancel(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.wait({task})
        await self._settle()

    async def close(self) -> None:
        for name in list(self._tasks):
            await self.cancel(name)

    async def _work(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.working.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.working.remove(name)

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def emulators(seats: int) -> AsyncIterator[TurnHarness]:
    opened = TurnHarness(seats)
    try:
        yield opened
    finally:
        await opened.close()


async def test_a_model_works_one_order_at_a_time_in_the_order_they_came() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "a2", "a3")
        seen = [list(here.working)]
        await here.end("a1")
        seen.append(list(here.working))
        await here.end("a2")
        seen.append(list(here.working))

    assert seen == [["a1"], ["a2"], ["a3"]]


async def test_models_with_seats_work_side_by_side() -> None:
    async with emulators(seats=2) as here:
        await here.come("a1", "b1", "c1")
        working, resident = list(here.working), list(here.turns.resident)

    assert working == ["a1", "b1"]
    assert resident == ["a", "b"]


async def test_an_idle_model_gives_up_its_seat_the_longest_unused_first() -> None:
    async with emulators(seats=2) as here:
        await here.come("a1", "b1")
        await here.end("a1")
        await here.end("b1")
        await here.come("a2")
        await here.end("a2")
        await here.come("c1")
        resident = list(here.turns.resident)

    assert resident == ["a", "c"]


async def test_a_busy_model_does_not_keep_another_waiting_for_ever() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "b1", "a2")
        await here.end("a1")
        after_first = list(here.working)
        await here.end("b1")
        after_second = list(here.working)

    assert after_first == ["b1"]
    assert after_second == ["a2"]


async def test_waiting_orders_run_in_arrival_order() -> None:
    async with emulators(seats=2) as here:
        await here.come("a1", "b1", "c1")
        await here.end("b1")
        await here.come("a2", "b2")
        working = list(here.working)

    assert working == ["a1", "c1"]


async def test_an_order_that_stops_waiting_stands_in_nobody_s_way() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "b1", "a2")
        await here.cancel("b1")
        await here.end("a1")
        working = list(here.working)

    assert working == ["a2"]


async def test_an_order_cancelled_in_its_turn_ends_it() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "a2")
        await here.cancel("a1")
        working = list(here.working)

    assert working == ["a2"]


async def test_a_waiting_order_that_is_cancelled_as_its_turn_comes_leaves_it_to_the_next() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "a2", "a3")
        here._tasks["a2"].cancel()
        await here.end("a1")
        working = list(here.working)

    assert working == ["a3"]


async def test_a_model_that_left_makes_room() -> None:
    async with emulators(seats=1) as here:
        await here.come("a1", "b1")
        here.turns.remove("a")
        await here.end("a1")
        working, resident = list(here.working), list(here.turns.resident)

    assert working == ["b1"]
    assert resident == ["b"]
