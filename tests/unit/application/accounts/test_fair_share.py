import asyncio
import random

import pytest

from limner.application.accounts.fair_share import FairShare
from limner.ports.acting_account import act_for, acting_for, current_account


class Work:
    """Pieces of work that are admitted, and end when the test says so."""

    def __init__(self, share: FairShare) -> None:
        self.share = share
        self.admitted: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def start(self, name: str, account: str, cost: int = 1) -> None:
        self._ends[name] = asyncio.Event()
        with acting_for(account):
            self._tasks[name] = asyncio.create_task(self._run(name, cost))
        await settled()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await settled()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await settled()

    async def _run(self, name: str, cost: int) -> None:
        async with self.share.slot(cost):
            self.admitted.append(name)
            await self._ends[name].wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_account_never_holds_more_than_its_share() -> None:
    work = Work(FairShare(capacity=4, per_account=3))
    for n in range(6):
        await work.start(f"a{n}", "a")

    await work.start("b0", "b")

    assert work.admitted == ["a0", "a1", "a2", "b0"]


async def test_waiting_accounts_take_turns() -> None:
    work = Work(FairShare(capacity=1, per_account=1))
    for n in range(4):
        await work.start(f"a{n}", "a")
    for n in range(2):
        await work.start(f"b{n}", "b")

    for _ in range(5):
        await work.end(work.admitted[-1])

    assert work.admitted == ["a0", "b0", "a1", "b1", "a2", "a3"]


async def test_an_account_is_charged_by_cost() -> None:
    work = Work(FairShare(capacity=10, per_account=10))
    await work.start("first", "c", 10)
    await work.start("a large", "a", 10)
    await work.start("a next", "a", 1)
    for n in range(3):
        await work.start(f"b{n}", "b", 3)

    await work.end("first")
    await work.end("a large")

    assert work.admitted[2:5] == ["b0", "b1", "b2"]


async def test_small_work_does_not_starve_large() -> None:
    work = Work(FairShare(capacity=4, per_account=4))
    await work.start("small 1", "a")
    await work.start("large", "b", 4)
    await work.start("small 2", "c")

    await work.end("small 1")

    assert work.admitted == ["small 1", "large"]


async def test_work_over_the_capacity_is_admitted_alone() -> None:
    work = Work(FairShare(capacity=4, per_account=2))

    await work.start("large", "a", 100)

    assert work.admitted == ["large"]
    await work.end("large")


async def test_a_cancelled_waiter_takes_nothing() -> None:
    work = Work(FairShare(capacity=1, per_account=1))
    await work.start("first", "a")
    await work.start("second", "b")
    await work.start("third", "c")

    await work.cancel("second")
    await work.end("first")

    assert work.admitted == ["first", "third"]


async def test_a_waiter_cancelled_while_it_is_admitted_gives_back_its_share() -> None:
    share = FairShare(capacity=1, per_account=1)
    held = await share.acquire()
    waiting = asyncio.create_task(share.acquire())
    await settled()

    share.release(*held)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await asyncio.wait_for(share.acquire(), 60)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_comes_the_capacity_is_kept_and_all_work_ends(seed: int) -> None:
    chance, share, used, most = random.Random(seed), FairShare(capacity=5, per_account=3), 0, 0

    async def piece(account: str, cost: int) -> None:
        nonlocal used, most
        act_for(account)
        async with share.slot(cost):
            used += cost
            most = max(most, used)
            try:
                await asyncio.sleep(0)
            finally:
                used -= cost

    tasks = [asyncio.create_task(piece(chance.choice("abc"), chance.randint(1, 5))) for _ in range(200)]
    await settled()
    for task in chance.sample(tasks, 50):
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)

    assert most <= 5
    assert used == 0
    assert not share._waiting
    assert not share._used


async def test_the_account_belongs_to_the_asyncio_task() -> None:
    async def request(account: str) -> str:
        act_for(account)
        await asyncio.sleep(0)
        return current_account()

    assert await asyncio.gather(*(asyncio.create_task(request(each)) for each in "ab")) == ["a", "b"]
    assert current_account() == ""
