"""A thread that runs units of work in batches and returns their outcomes to the event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from limner.db.engines.turns import BatchOfTurns, Turns
from limner.db.records import Records
from limner.ports.acting_account import current_account, shared_work

Work = Callable[[Records], Any]
Job = tuple[Work, "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class BatchHandler(Protocol):
    """Runs a batch, which takes what arrives meanwhile as well. Only the thread calls it."""

    def __call__(self, batch: "Batch", /) -> Sequence[Outcome]: ...
    def close(self) -> None: ...


class StoreClosed(RuntimeError):
    """The store is closed and runs nothing more."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """Units of work of one kind, and what runs batches of them."""

    handler: BatchHandler
    waiting: Turns[Job] = field(default_factory=Turns)


class BatchThread:
    """A thread that gives the units of work that wait to their handler in batches.

    Accounts take turns, so that one with many units does not delay the others. The thread and the event loop are woken
    once for a whole batch: under load a unit costs little more than its SQL. Each handler has a queue; where several
    have something waiting, the thread runs one batch of each in turn.
    """

    def __init__(self, name: str, *handlers: BatchHandler) -> None:
        self._queues = tuple(map(_Queue, handlers))
        self._order = deque(self._queues)  # whose turn it is comes first
        self._submitted: list[tuple[_Queue, str, Job]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Work, handler: int = 0) -> "asyncio.Future[Any]":
        """Queue a unit of work. All that one iteration of the event loop submits wakes the thread once.

        `handler` is the place of its handler among those of the thread.
        """
        if self._closing:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._submitted:
            loop.call_soon(self._wake_thread, context=shared_work())
        self._submitted.append((self._queues[handler], current_account(), (work, future)))
        return future

    def _wake_thread(self) -> None:
        with self._wake:
            for queue, account, job in self._submitted:
                queue.waiting.add(account, job)
            self._submitted.clear()
            self._wake.notify()

    async def close(self) -> None:
        """Run what is waiting, then end the thread."""
        self._wake_thread()
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while queue := self._next_queue():
            outcomes = queue.handler(Batch(queue.waiting, self._wake))
            loop = outcomes[0][0].get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, outcomes)
        for queue in self._queues:
            queue.handler.close()

    def _next_queue(self) -> _Queue | None:
        """Wait for work; None when there is none and will be none."""
        with self._wake:
            while True:
                queue = next((each for each in self._order if each.waiting), None)
                if queue is not None:
                    self._order.remove(queue)
                    self._order.append(queue)
                    return queue
                if self._closing:
                    return None
                self._wake.wait()


class Batch:
    """Iterates over the units of work of one batch: at least one."""

    def __init__(self, waiting: Turns[Job], lock: threading.Condition) -> None:
        self._units = BatchOfTurns(waiting)
        self._lock = lock
        self.taken: list[Job] = []

    def __iter__(self) -> Iterator[Job]:
        while (job := self._next()) is not None:
            self.taken.append(job)
            yield job

    def _next(self) -> Job | None:
        with self._lock:
            return self._units.take()


def _deliver(outcomes: Sequence[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():  # a reader that was cancelled
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(carriable(error))


def carriable(error: BaseException) -> BaseException:
    """The error, or a RuntimeError for a StopIteration, which a future cannot hold."""
    if not isinstance(error, StopIteration):
        return error
    carried = RuntimeError("a unit of work ran out of an iterator")
    carried.__cause__ = error
    return carried
