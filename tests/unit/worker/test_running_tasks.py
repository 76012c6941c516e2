import asyncio

import pytest

from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.domain.ids import TaskId
from limner.worker.running_tasks import RunningTask, RunningTasks
from limner.worker.signals import LocalSignals

ONE, TWO = TaskId("one"), TaskId("two")


async def reason(hand: RunningTask) -> Reason | None:
    try:
        hand.interrupt.check(1)
    except Interrupted as interrupted:
        return interrupted.reason
    return None


async def test_progress_only_grows_and_never_says_done() -> None:
    hand = RunningTask(Interrupt())
    seen = []
    for percent in (10, 5, 60, 100, 250, -3):
        hand.report(percent)
        seen.append(hand.reported)

    assert seen == [10, 10, 60, 99, 99, 99]


async def test_what_is_reported_is_reported_by_task() -> None:
    running = RunningTasks({ONE: RunningTask(Interrupt(), reported=7), TWO: RunningTask(Interrupt())})

    assert running.reported() == {ONE: 7, TWO: 0}
    assert len(running) == 2


async def test_one_task_is_interrupted_and_the_others_go_on() -> None:
    running = RunningTasks({ONE: RunningTask(Interrupt()), TWO: RunningTask(Interrupt())})

    running.interrupt(ONE, Reason.CANCEL)
    running.interrupt(TaskId("not here"), Reason.CANCEL)

    assert [await reason(hand) for hand in running.tasks.values()] == [Reason.CANCEL, None]


async def test_all_are_interrupted_at_the_end() -> None:
    running = RunningTasks({ONE: RunningTask(Interrupt()), TWO: RunningTask(Interrupt())})
    running.interrupt(ONE, Reason.LEASE_LOST)

    running.interrupt_all(Reason.SHUTDOWN)

    assert [await reason(hand) for hand in running.tasks.values()] == [Reason.LEASE_LOST, Reason.SHUTDOWN]


async def test_nothing_under_way_is_settled_at_once() -> None:
    assert await RunningTasks().wait_until_idle(0)


async def test_whoever_waits_hears_whether_all_came_to_an_end() -> None:
    running, may_end = RunningTasks(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        del running.tasks[ONE]

    running.tasks[ONE] = RunningTask(Interrupt(), asyncio.ensure_future(work()))
    too_early = await running.wait_until_idle(0)
    may_end.set()

    assert not too_early
    assert await running.wait_until_idle(60)


async def test_a_signal_before_the_wait_is_not_lost() -> None:
    signals = LocalSignals(RunningTasks())
    signals.work_arrived()

    await asyncio.wait_for(signals.wait_for_work(600), 60)


async def test_a_signal_wakes_who_waits_once() -> None:
    signals = LocalSignals(RunningTasks())
    waiting = asyncio.ensure_future(signals.wait_for_work(600))
    await asyncio.sleep(0)
    signals.work_arrived()
    await asyncio.wait_for(waiting, 60)
    again = asyncio.ensure_future(signals.wait_for_work(600))
    await asyncio.sleep(0)

    assert not again.done()
    again.cancel()


async def test_without_a_signal_the_wait_ends_by_itself() -> None:
    await asyncio.wait_for(LocalSignals(RunningTasks()).wait_for_work(0.001), 60)


@pytest.mark.parametrize("task", [ONE, TWO])
async def test_a_cancellation_in_this_process_is_seen_at_once(task: TaskId) -> None:
    running = RunningTasks({ONE: RunningTask(Interrupt())})

    LocalSignals(running).cancel_run(task)

    assert await reason(running.tasks[ONE]) is (Reason.CANCEL if task == ONE else None)
