"""Signals in one process, and what of them goes out to the others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from limner.application.generation.interrupt import Interrupt, Reason
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status, StatusChange
from limner.ports.signals import SignalHints
from limner.worker.running_tasks import RunningTask, RunningTasks
from limner.worker.signals import LocalSignals, SharedSignals

ONE = TaskId("one")
TWO = TaskId("two")


@dataclass
class Wire:
    """A relay whose other end is this test."""

    sent: list[SignalHints] = field(default_factory=list)
    on_hints: Callable[[SignalHints], None] | None = None
    closed: bool = False

    def send(self, hints: SignalHints) -> None:
        self.sent.append(hints)

    def start(self, on_hints: Callable[[SignalHints], None]) -> None:
        self.on_hints = on_hints

    async def close(self) -> None:
        self.closed = True

    def receive(self, hints: SignalHints) -> None:
        assert self.on_hints
        self.on_hints(hints)


def became(*statuses: Status) -> list[StatusChange]:
    return [StatusChange(ONE, status) for status in statuses]


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

    signals.tasks_changed(became(Status.RUNNING))
    assert not await is_woken(signals)
    signals.tasks_changed(became(Status.QUEUED, Status.SUCCESS))
    assert await is_woken(signals)
    assert news == ["first", "second"] * 2


async def test_changes_in_the_store_are_sent_to_other_processes() -> None:
    wire = Wire()
    signals = SharedSignals(RunningTasks(), wire)

    signals.tasks_changed(became(Status.QUEUED))
    signals.tasks_changed(became(Status.SUCCESS))

    assert wire.sent == [SignalHints(work=True, changes=True), SignalHints(changes=True)]
    assert await is_woken(signals)


async def test_a_free_slot_is_not_sent_to_other_processes() -> None:
    wire = Wire()
    signals = SharedSignals(RunningTasks(), wire)

    signals.work_arrived()

    assert wire.sent == []
    assert await is_woken(signals)


async def test_a_cancellation_is_tried_here_and_sent_to_other_processes() -> None:
    running, wire = RunningTasks({ONE: RunningTask(Interrupt())}), Wire()
    signals = SharedSignals(running, wire)

    signals.cancel_run(ONE)
    signals.cancel_run(TWO)

    assert running.tasks[ONE].interrupt._reason.result() is Reason.CANCEL
    assert wire.sent == [SignalHints(cancels=frozenset({ONE})), SignalHints(cancels=frozenset({TWO}))]


async def test_received_hints_are_applied_and_not_sent_again() -> None:
    running, wire, news = RunningTasks({ONE: RunningTask(Interrupt())}), Wire(), []
    signals = SharedSignals(running, wire)
    signals.on_tasks_changed(lambda: news.append("news"))
    signals.start()

    wire.receive(SignalHints(changes=True))
    assert not await is_woken(signals)
    wire.receive(SignalHints(work=True, cancels=frozenset({ONE, TWO})))

    assert await is_woken(signals)
    assert running.tasks[ONE].interrupt._reason.result() is Reason.CANCEL
    assert news == ["news"]
    assert wire.sent == []


async def test_closing_closes_the_relay() -> None:
    wire = Wire()
    await SharedSignals(RunningTasks(), wire).close()

    assert wire.closed
