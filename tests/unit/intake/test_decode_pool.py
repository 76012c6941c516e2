import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from limner.application.accounts.fair_share import acting_for
from limner.intake.decode_pool import MIN_PIXELS, DecodePool

HUGE = 2 * MIN_PIXELS


@pytest.fixture
async def pool() -> AsyncIterator[DecodePool]:
    made = DecodePool(HUGE, threads=3)
    yield made
    made.close()


class Decodes:
    """Decodes that end when the test says so."""

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool
        self._end = threading.Event()
        self.began = threading.Event()
        self.running: list[str] = []
        self.most = 0
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, account: str, pixels: int) -> "asyncio.Task[None]":
        with acting_for(account):
            self.tasks.append(asyncio.create_task(self._pool.run(pixels, lambda: self._decode(account))))
        return self.tasks[-1]

    def _decode(self, account: str) -> None:
        self.running.append(account)
        self.most = max(self.most, len(self.running))
        self.began.set()
        self._end.wait(30)
        self.running.remove(account)

    async def end(self) -> None:
        self._end.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_account_that_decodes_many_pictures_leaves_a_thread_to_others(pool: DecodePool) -> None:
    decodes, done = Decodes(pool), asyncio.Event()
    for _ in range(20):
        decodes.start("greedy", 1000)
    await settled()

    with acting_for("other"):
        await asyncio.wait_for(pool.run(1000, lambda: None), 30)
        done.set()

    assert done.is_set()
    assert decodes.most <= 2
    await decodes.end()


async def test_an_account_that_decodes_huge_pictures_leaves_threads_to_others(pool: DecodePool) -> None:
    decodes = Decodes(pool)
    for _ in range(20):
        decodes.start("greedy", 100_000_000)
    await settled()

    with acting_for("other"):
        assert await asyncio.wait_for(pool.run(1000, lambda: "decoded"), 30) == "decoded"
    await decodes.end()


async def test_of_huge_pictures_one_is_decoded_at_a_time(pool: DecodePool) -> None:
    decodes = Decodes(pool)
    for account in ("one", "two", "three"):
        decodes.start(account, HUGE + 1)
    await settled()

    await decodes.end()

    assert decodes.most == 1


async def test_a_cancelled_decode_holds_its_share_until_its_thread_ends(pool: DecodePool) -> None:
    decodes = Decodes(pool)
    first, second = decodes.start("one", HUGE + 1), decodes.start("two", HUGE + 1)
    await asyncio.to_thread(decodes.began.wait, 30)
    first.cancel()
    await settled()

    assert not first.done()
    assert decodes.running == ["one"]
    await decodes.end()
    assert first.cancelled()
    assert not second.cancelled()
    assert decodes.most == 1
