import asyncio

import pytest

from limner.application.generation.interrupt import Interrupt, Interrupted, Reason


class Work:
    """Something awaited that says how it went."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.tidied = False

    async def __call__(self) -> str:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.tidied = True
            raise
        return "done"


async def test_work_that_is_done_in_time_gives_its_value() -> None:
    work = Work()
    work.may_end.set()

    assert await Interrupt().wait_for(work(), 60) == "done"


async def test_an_error_of_the_work_comes_back() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Interrupt().wait_for(fails(), 60)


@pytest.mark.parametrize("reason", list(Reason))
async def test_the_switch_ends_the_wait_once_the_work_has_tidied_up(reason: Reason) -> None:
    interrupt, work = Interrupt(), Work()
    waiting = asyncio.ensure_future(interrupt.wait_for(work(), 60))
    await work.began.wait()

    interrupt(reason)

    with pytest.raises(Interrupted) as interrupted:
        await waiting
    assert interrupted.value.reason is reason
    assert work.tidied


async def test_the_first_reason_stands() -> None:
    interrupt, work = Interrupt(), Work()
    waiting = asyncio.ensure_future(interrupt.wait_for(work(), 60))
    await work.began.wait()

    interrupt(Reason.LEASE_LOST)
    interrupt(Reason.CANCEL)

    with pytest.raises(Interrupted) as interrupted:
        await waiting
    assert interrupted.value.reason is Reason.LEASE_LOST


async def test_work_that_ends_at_the_moment_of_the_switch_counts() -> None:
    """A picture that has just been delivered is not thrown away."""
    interrupt, work = Interrupt(), Work()
    waiting = asyncio.ensure_future(interrupt.wait_for(work(), 60))
    await work.began.wait()

    work.may_end.set()
    await asyncio.sleep(0)
    interrupt(Reason.CANCEL)

    assert await waiting == "done"


async def test_after_the_switch_nothing_is_begun_any_more() -> None:
    interrupt, work = Interrupt(), Work()
    interrupt(Reason.SHUTDOWN)

    with pytest.raises(Interrupted):
        await interrupt.wait_for(work(), 60)

    assert not work.began.is_set()


@pytest.mark.parametrize("left_s", [0, -5])
async def test_without_time_left_nothing_is_begun(left_s: float) -> None:
    work = Work()

    with pytest.raises(Interrupted) as interrupted:
        await Interrupt().wait_for(work(), left_s)

    assert interrupted.value.reason is Reason.DEADLINE
    assert not work.began.is_set()


async def test_when_the_time_is_up_the_work_is_stopped() -> None:
    work = Work()

    with pytest.raises(Interrupted) as interrupted:
        await Interrupt().wait_for(work(), 0.001)

    assert interrupted.value.reason is Reason.DEADLINE
    assert work.tidied


async def test_cancelling_the_waiter_cancels_the_work() -> None:
    work = Work()
    waiting = asyncio.ensure_future(Interrupt().wait_for(work(), 60))
    await work.began.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.tidied
