"""Signals in one process, and what of them goes out to the others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from limner.application.generation.interrupt import Interrupt, Reason
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from limner.ports.signals import SignalHints
from limner.worker.running_tasks import RunningTask, RunningTasks
from limner.worker.signals import LocalSignals, SharedSignals

ONE = TaskId("one")
TWO = TaskId("two")


@dataclass
class Wire:
    """A relay whose other end is this test."""

    told: list[SignalHints] = field(default_factory=list)
    hear: Callable[[SignalHints], None] | None = None
    closed: bool = False

    def tell(self, hints: SignalHints) -> None:
        self.told.append(hints)

    def start(self, hear: Callable[[SignalHints], None]) -> None:
        self.hear = hear

    async def close(self) -> None:
        self.closed = True

    def says(self, hints: SignalHints) -> None:
        assert self.hear
        self.hear(hints)


async def is_woken(signals: LocalSignals) -> bool:
    waiting = asyncio.ensure_future(signals.wait_for_work(600))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    woken = waiting.done()
    waiting.cancel()
    return woken


async def test_a_queued_task_is_work_and_every_change_is_news() -> None:
    signals, news = LocalSignals(RunningTasks()), []
    signals.on_tasks_changed(lambda: news.append("first"))
    signals.on_tasks_changed(lambda: news.append("second"))

    signals.tasks_changed({Status.RUNNING})
    assert not await is_woken(signals)
    signals.tasks_changed({Status.QUEUED, Status.SUCCESS})
    assert await is_woken(signals)
    assert news == ["first", "second"] * 2


async def test_what_the_store_says_goes_out_to_the_others() -> None:
    wire = Wire()
    signals = SharedSignals(RunningTasks(), wire)

    signals.tasks_changed({Status.QUEUED})
    signals.tasks_changed({Status.SUCCESS})

    assert wire.told == [SignalHints(work=True, news=True), SignalHints(news=True)]
    assert await is_woken(signals)


async def test_room_in_this_process_is_nobody_else_s_business() -> None:
    wire = Wire()
    signals = SharedSignals(RunningTasks(), wire)

    signals.work_arrived()

    assert wire.told == []
    assert await is_woken(signals)


async def test_a_cancel_is_tried_here_and_told_to_the_others() -> None:
    running, wire = RunningTasks({ONE: RunningTask(Interrupt())}), Wire()
    signals = SharedSignals(running, wire)

    signals.cancel_run(ONE)
    signals.cancel_run(TWO)

    assert running.tasks[ONE].interrupt._reason.result() is Reason.CANCEL
    assert wire.told == [SignalHints(cancels=frozenset({ONE})), SignalHints(cancels=frozenset({TWO}))]


async def test_what_the_others_say_is_heard_and_not_said_again() -> None:
    running, wire, news = RunningTasks({ONE: RunningTask(Interrupt())}), Wire(), []
    signals = SharedSignals(running, wire)
    signals.on_tasks_changed(lambda: news.append("news"))
    signals.start()

    wire.says(SignalHints(news=True))
    assert not await is_woken(signals)
    wire.says(SignalHints(work=True, cancels=frozenset({ONE, TWO})))

    assert await is_woken(signals)
    assert running.tasks[ONE].interrupt._reason.result() is Reason.CANCEL
    assert news == ["news"]
    assert wire.told == []


async def test_closing_closes_the_relay() -> None:
    wire = Wire()
    await SharedSignals(RunningTasks(), wire).close()

    assert wire.closed
