import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from limner.intake.decode_job import DecodeJob
from limner.intake.decode_pool import DecodePool
from limner.intake.decode_process import DecodeProcess
from limner.intake.limits import ImageLimits
from limner.ports.acting_account import acting_for
from limner.ports.intake import Inspected, Normalised

Put = Callable[[bytes], Path]


@pytest.fixture
async def pool() -> AsyncIterator[DecodePool]:
    made = DecodePool(threads=3)
    yield made
    await made.close()


class Decodes:
    """Decodes that end when the test says so."""

    def __init__(self, pool: DecodePool) -> None:
        self._pool = pool
        self._end = threading.Event()
        self.began = threading.Event()
        self.running: list[str] = []
        self.most = 0
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, account: str) -> "asyncio.Task[None]":
        with acting_for(account):
            self.tasks.append(asyncio.create_task(self._pool.in_thread(lambda: self._decode(account))))
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


class HeldProcess(DecodeProcess):
    """Notes the pictures it is given and answers each when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self._answers: list[asyncio.Future[Inspected]] = []

    async def run(self, job: DecodeJob) -> Inspected | Normalised:
        self.begun.append(job.source.name)
        self._answers.append(asyncio.get_running_loop().create_future())
        return await self._answers[-1]

    async def answer(self) -> None:
        self._answers[-1].set_result(Inspected("image/png", 1, 1, 1))
        await settled()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_account_that_decodes_many_pictures_leaves_a_thread_to_others(pool: DecodePool) -> None:
    decodes = Decodes(pool)
    for _ in range(20):
        decodes.start("greedy")
    await settled()

    with acting_for("other"):
        assert await asyncio.wait_for(pool.in_thread(lambda: "decoded"), 30) == "decoded"

    assert decodes.most <= 2
    await decodes.end()


async def test_a_cancelled_decode_holds_its_share_until_its_thread_ends(pool: DecodePool) -> None:
    decodes = Decodes(pool)
    first, second = decodes.start("one"), decodes.start("one")
    third = decodes.start("one")
    await asyncio.to_thread(decodes.began.wait, 30)
    first.cancel()
    await settled()

    assert not first.done()
    assert decodes.most <= 2
    await decodes.end()
    assert first.cancelled()
    assert not second.cancelled()
    assert not third.cancelled()
    assert decodes.most <= 2


async def test_heavy_pictures_are_decoded_one_at_a_time_in_turns_charged_by_pixels() -> None:
    process = HeldProcess()
    pool, tasks = DecodePool(process=process), []
    for account, name, pixels in (
        *[("greedy", f"greedy-{n}", 100_000_000) for n in range(3)],
        *[("modest", f"modest-{n}", 20_000_000) for n in range(3)],
    ):
        with acting_for(account):
            tasks.append(asyncio.create_task(pool.in_process(DecodeJob(Path(name), ImageLimits()), pixels)))
    await settled()
    assert process.begun == ["greedy-0"]

    for _ in tasks:
        await process.answer()

    await asyncio.gather(*tasks)
    assert process.begun == ["greedy-0", "modest-0", "modest-1", "modest-2", "greedy-1", "greedy-2"]
