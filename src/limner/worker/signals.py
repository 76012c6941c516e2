"""Signals inside one process, and between those that share a database."""

import asyncio
import contextlib
from collections.abc import Callable, Collection

from limner.application.interrupt import Reason
from limner.domain.ids import TaskId
from limner.domain.task import Status
from limner.ports.signals import Hints, Relay
from limner.worker.running import Running


class LocalSignals:
    def __init__(self, running: Running) -> None:
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

    def cancel_asked(self, task: TaskId) -> None:
        self._running.interrupt(task, Reason.CANCEL)

    def on_news(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def tasks_became(self, became: Collection[Status]) -> None:
        """What the store says after each commit."""
        if Status.QUEUED in became:
            self.work_arrived()
        for listener in self._listeners:
            listener()


class SharedSignals(LocalSignals):
    """In this process at once, in the others through a relay."""

    def __init__(self, running: Running, relay: Relay) -> None:
        super().__init__(running)
        self._relay = relay

    def start(self) -> None:
        """Listen to the other processes."""
        self._relay.start(self._hear)

    async def close(self) -> None:
        await self._relay.close()

    def cancel_asked(self, task: TaskId) -> None:
        super().cancel_asked(task)
        self._relay.tell(Hints(cancels=frozenset({task})))

    def tasks_became(self, became: Collection[Status]) -> None:
        super().tasks_became(became)
        self._relay.tell(Hints(work=Status.QUEUED in became, news=True))

    def _hear(self, hints: Hints) -> None:
        if hints.work:
            self.work_arrived()
        for task in hints.cancels:
            super().cancel_asked(task)
        if hints.news:
            super().tasks_became(())
