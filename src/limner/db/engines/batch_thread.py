"""Handing units of work to a database thread and their outcomes back to the loop, many at a time."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from limner.db.records import Records

Work = Callable[[Records], Any]
Job = tuple[Work, "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class BatchHandler(Protocol):
    """What a batch is given to; used by its one thread alone."""

    def __call__(self, batch: Sequence[Job], /) -> Sequence[Outcome]: ...
    def close(self) -> None: ...


class StoreClosed(RuntimeError):
    """The store is closed; nothing can be kept any more."""


class BatchThread:
    """A thread that takes every unit of work that is waiting and gives the lot to its lane.

    One wake-up of the thread and one of the loop serve a whole batch: under load a unit costs little more than its SQL.
    """

    def __init__(self, name: str, lane: BatchHandler, *, largest: int = 256) -> None:
        self._lane = lane
        self._largest = largest
        self._turn: list[Job] = []
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def hand_in(self, work: Work) -> "asyncio.Future[Any]":
        """Queue a unit of work. What one turn of the loop hands in wakes the thread once, at the end of the turn."""
        if self._closing:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._turn:
            loop.call_soon(self._pass_on)
        self._turn.append((work, future))
        return future

    def _pass_on(self) -> None:
        with self._wake:
            self._waiting.extend(self._turn)
            self._turn.clear()
            self._wake.notify()

    async def close(self) -> None:
        """Finish what is waiting, then end the thread."""
        self._pass_on()
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._next_batch():
            outcomes = self._lane(batch)
            loop = batch[0][1].get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, outcomes)
        self._lane.close()

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
            future.set_exception(carriable(error))


def carriable(error: BaseException) -> BaseException:
    """A future cannot carry StopIteration; like a generator it then carries a RuntimeError."""
    if not isinstance(error, StopIteration):
        return error
    carried = RuntimeError("a unit of work ran out of an iterator")
    carried.__cause__ = error
    return carried
