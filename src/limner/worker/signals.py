"""Signals within one process, and between processes that share a database."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from limner.application.generation.interrupt import Reason
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status, StatusChange
from limner.ports.signals import SignalHints, SignalRelay
from limner.worker.running_tasks import RunningTasks


class LocalSignals:
    def __init__(self, running: RunningTasks) -> None:
        self._running = running
        self._work = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def work_arrived(self) -> None:
        self._work.set()

    async def wait_for_work(self, at_most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._work.wait()
        self._work.clear()

    def cancel_run(self, task: TaskId) -> None:
        self._running.interrupt(task, Reason.CANCEL)

    def on_tasks_changed(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def tasks_changed(self, changes: Sequence[StatusChange]) -> None:
        """Called by the store after each commit, with the changes that it wrote."""
        if _has_work(changes):
            self.work_arrived()
        for listener in self._listeners:
            listener()


class SharedSignals(LocalSignals):
    """Signals this process directly, and other processes through a relay."""

    def __init__(self, running: RunningTasks, relay: SignalRelay) -> None:
        super().__init__(running)
        self._relay = relay

    def start(self) -> None:
        """Start to receive the signals of other processes."""
        self._relay.start(self._receive)

    async def close(self) -> None:
        await self._relay.close()

    def cancel_run(self, task: TaskId) -> None:
        super().cancel_run(task)
        self._relay.send(SignalHints(cancels=frozenset({task})))

    def tasks_changed(self, changes: Sequence[StatusChange]) -> None:
        super().tasks_changed(changes)
        self._relay.send(SignalHints(work=_has_work(changes), changes=True))

    def _receive(self, hints: SignalHints) -> None:
        if hints.work:
            self.work_arrived()
        for task in hints.cancels:
            super().cancel_run(task)
        if hints.changes:
            super().tasks_changed(())


def _has_work(changes: Sequence[StatusChange]) -> bool:
    return any(change.status is Status.QUEUED for change in changes)
