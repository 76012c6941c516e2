"""Threads that run units of work in batches and return their outcomes to the event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from limner.db.engines.turns import BatchRule, Turns
from limner.db.records import Records
from limner.ports.acting_account import current_account, shared_work

Work = Callable[[Records], Any]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of work and what its caller waits for. `synced`: its caller waits for the disk, too."""

    work: Work
    future: "asyncio.Future[Any]"
    synced: bool


class BatchHandler(Protocol):
    """Runs a batch, which takes what arrives meanwhile as well. Only one thread calls it."""

    def __call__(self, batch: "Batch", /) -> Sequence[Outcome]: ...
    def close(self) -> None: ...


class StoreClosed(RuntimeError):
    """The store is closed and runs nothing more."""


class BatchThreads:
    """Threads that give the units of work that wait to their handlers in batches.

    Accounts take turns, so that one with many units does not delay the others, and one with units that take long does
    not hold more than one thread. A thread and the event loop are woken once for a whole batch: under load a unit costs
    little more than its SQL.
    """

    def __init__(self, name: str, *handlers: BatchHandler, rule: Callable[[], BatchRule] = BatchRule) -> None:
        """One thread for each handler."""
        self._rule = rule
        self._submitted: list[tuple[str, Job]] = []
        self._turns: Turns[Job] = Turns()
        self._busy: set[str] = set()
        self._wake = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=f"{name}-{number}", daemon=True)
            for number, each in enumerate(handlers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work, *, synced: bool = True) -> "asyncio.Future[Any]":
        """Queue a unit of work. All that one iteration of the event loop submits wakes one thread once."""
        if self._closing:
            raise StoreClosed
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if not self._submitted:
            loop.call_soon(self._wake_thread, context=shared_work())
        self._submitted.append((current_account(), Job(work, future, synced)))
        return future

    def _wake_thread(self) -> None:
        with self._wake:
            for account, job in self._submitted:
                self._turns.add(account, job)
            self._submitted.clear()
            if self._turns.next_account(self._busy) is not None:
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

    def _run(self, handler: BatchHandler) -> None:
        while batch := self._next_batch():
            try:
                outcomes = handler(batch)
            finally:
                batch.end()
            loop = outcomes[0][0].get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_deliver, outcomes)
        handler.close()

    def _next_batch(self) -> "Batch | None":
        """Wait for work; None when there is none and will be none for this thread."""
        with self._wake:
            while True:
                batch = Batch(self._turns, self._busy, self._wake, self._rule())
                if batch.begin():
                    return batch
                if self._closing:
                    return None
                self._wake.wait()


class Batch:
    """Iterates over the units of work of one batch: at least one."""

    def __init__(self, turns: Turns[Job], busy: set[str], lock: threading.Condition, rule: BatchRule) -> None:
        self._turns = turns
        self._busy = busy
        self._lock = lock
        self._rule = rule
        self._account = ""
        self.taken: list[Job] = []

    @property
    def synced(self) -> bool:
        """Whether the disk is waited for. A batch that begins without that ends before a unit that asks for it."""
        return self.taken[0].synced

    def begin(self) -> bool:
        """Take the first unit; False where none may run now. The caller holds the lock."""
        return self._take()

    def __iter__(self) -> Iterator[Job]:
        yield self.taken[0]
        while self._next():
            yield self.taken[-1]

    def end(self) -> None:
        with self._lock:
            self._busy.discard(self._account)

    def _next(self) -> bool:
        with self._lock:
            self._busy.discard(self._account)
            return self._take()

    def _take(self) -> bool:
        account = self._rule.next_account(self._turns, self._busy)
        if account is None or self._must_be_synced(self._turns.first(account)):
            return False
        self.taken.append(self._turns.take(account))
        self._account = account
        if account:  # of no account, several may run
            self._busy.add(account)
        if self._turns.next_account(self._busy) is not None:
            self._lock.notify()  # another thread may be idle
        return True

    def _must_be_synced(self, job: Job) -> bool:
        return bool(self.taken) and job.synced and not self.synced


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
