"""Signals inside one process."""

import asyncio
import contextlib

from limner.application.interrupt import Reason
from limner.domain.ids import TaskId
from limner.worker.running import Running


class LocalSignals:
    def __init__(self, running: Running) -> None:
        self._running = running
        self._work = asyncio.Event()

    def work_arrived(self) -> None:
        self._work.set()

    async def wait_for_work(self, at_most_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._work.wait()
        self._work.clear()

    def cancel_asked(self, task: TaskId) -> None:
        self._running.interrupt(task, Reason.CANCEL)
