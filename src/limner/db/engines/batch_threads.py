"""Threads that run units of work in batches and return their outcomes to the event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from limner.db.engines.turns import BatchRule, Turns
from limner.db.records import Records
from limner.ports.acting_account import current_account, shared_work

Work = Callable[[Records], Any]
Job = tuple[Work, "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class BatchHandler(Protocol):
    """Runs a batch, which takes what arrives meanwhile as well. Only one thread calls it."""

    def __call__(self, batch: "Batch", /) -> Sequence[Outcome]: ...
    def close(self) -> None: ...


class StoreClosed(RuntimeError):
    """The store is closed and runs nothing more."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """Units of work that wait for a thread, and the accounts of those that run."""

    turns: Turns[Job] = field(default_factory=Turns)
    busy: set[str] = field(default_factory=set)

    def next_account(self) -> str | None:
        return self.turns.next_account(self.busy)


class BatchThreads:
    """Threads that give the units of work that wait to their handlers in batches.

    Accounts take turns, so that one with many units does not delay the others, and one with units that take long does
    not hold more than one thread. A thread and the event loop are woken once for a whole batch: under load a unit costs
    little more than its SQL.

    `handlers` are those of each thread. Every thread has as many, and there is a queue for each place among them; where
    several queues have something waiting, a thread runs one batch of each in turn.
    """

    def __init__(self, name: str, *handlers: Sequence[BatchHandler], rule: Callable[[], BatchRule] = BatchRule) -> None:
        self._rule = rule
        self._queues = tuple(_Queue() for _ in handlers[0])
        self._submitted: list[tuple[_Queue, str, Job]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=f"{name}-{number}", daemon=True)
            for number, each in enumerate(handlers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work, queue: int = 0) -> "asyncio.Future[Any]":
        """Queue a unit of work. All that one iteration of the event loop submits wakes one thread once."""
        if self._closing:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._submitted:
            loop.call_soon(self._wake_thread, context=shared_work())
        self._submitted.append((self._queues[queue], current_account(), (work, future)))
        return future

    def _wake_thread(self) -> None:
        with self._wake:
            for queue, account, job in self._submitted:
                queue.turns.add(account, job)
            self._submitted.clear()
            if any(queue.next_account() is not None for queue in self._queues):
                self._wake.notify()

    async def close(self) -> None:
        """Run what is waiting, then end the threads."""
        self._wake_thread()
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self, handlers: Sequence[BatchHandler]) -> None:
        order = deque(zip(self._queues, handlers, strict=True))  # whose turn it is comes first
        while begun := self._next_batch(order):
            handler, batch = begun
            try:
                outcomes = handler(batch)
            finally:
                batch.end()
            loop = outcomes[0][0].get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, outcomes)
        for handler in handlers:
            handler.close()

    def _next_batch(self, order: "deque[tuple[_Queue, BatchHandler]]") -> "tuple[BatchHandler, Batch] | None":
        """Wait for work; None when there is none and will be none for this thread."""
        with self._wake:
            while True:
                for each in order:
                    queue, handler = each
                    batch = Batch(queue, self._wake, self._rule())
                    if batch.begin():
                        order.remove(each)
                        order.append(each)
                        return handler, batch
                if self._closing:
                    return None
                self._wake.wait()


class Batch:
    """Iterates over the units of work of one batch: at least one."""

    def __init__(self, queue: _Queue, lock: threading.Condition, rule: BatchRule) -> None:
        self._queue = queue
        self._lock = lock
        self._rule = rule
        self._account = ""
        self.taken: list[Job] = []

    def begin(self) -> bool:
        """Take the first unit; False where none may run now. The caller holds the lock."""
        return self._take()

    def __iter__(self) -> Iterator[Job]:
        yield self.taken[0]
        while self._next():
            yield self.taken[-1]

    def end(self) -> None:
        with self._lock:
            self._queue.busy.discard(self._account)

    def _next(self) -> bool:
        with self._lock:
            self._queue.busy.discard(self._account)
            return self._take()

    def _take(self) -> bool:
        account = self._rule.next_account(self._queue.turns, self._queue.busy)
        if account is None:
            return False
        self.taken.append(self._queue.turns.take(account))
        self._account = account
        if account:  # of no account, several may run
            self._queue.busy.add(account)
        return True


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
