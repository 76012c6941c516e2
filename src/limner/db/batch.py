"""Handing units of work to a database thread and their outcomes back to the loop, many at a time."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from limner.ports.records import Records

Work = Callable[[Records], Any]
Job = tuple[Work, "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Closed(RuntimeError):
    """The store is closed; nothing can be kept any more."""


class BatchThread:
    """A thread that takes every unit of work that is waiting and gives the lot to `perform`.

    One wake-up of the thread and one of the loop serve a whole batch; under load that is what a unit of work costs least of.
    """

    def __init__(self, name: str, perform: Callable[[Sequence[Job]], Sequence[Outcome]], *, largest: int = 256) -> None:
        self._perform = perform
        self._largest = largest
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def hand_in(self, work: Work) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        with self._wake:
            if self._closing:
                raise Closed
            self._waiting.append((work, future))
            self._wake.notify()
        return future

    async def close(self) -> None:
        """Finish what is waiting, then end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._next_batch():
            outcomes = self._perform(batch)
            loop = batch[0][1].get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, outcomes)

    def _next_batch(self) -> list[Job]:
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]


def _deliver(outcomes: Sequence[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():  # its caller was cancelled; the work stands all the same
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
