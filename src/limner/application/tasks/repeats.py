"""Repeats of a call whose answer was lost: the same request, soon again, gets the task that it has paid for.

A repeat is known in three ways: its client says so, its predecessor's client left before the answer, or the process
that served the predecessor is gone. Everything else is a new request, however equal.
"""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from limner.application.store_errors import is_outage
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId
from limner.domain.tasks.task import Status, Task
from limner.ports.clock import Clock

log = structlog.get_logger()

REPEAT_MS = 15 * 60_000
"""How long after a call its repeat joins the task."""

_PREFIX_LENGTH = 40


def repeat_key(digest: str) -> str:
    """An idempotency key of its own for each call, by which its repeats find the task."""
    return f"{_prefix(digest)}{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class _Found:
    """`lost` says that the task stands under the key of lost answers, `orphan` that its process is gone."""

    task: TaskId
    lost: bool = False
    orphan: bool = False


class Repeats:
    """Finds the task of a call that was sent before. Tasks from before `clock`'s time at the start are orphans."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._accepting: dict[tuple[AccountId, str], asyncio.Event] = {}
        self._adopted: set[TaskId] = set()
        self._writing: set[asyncio.Future[None]] = set()

    @contextmanager
    def accepting(self, account: AccountId, digest: str) -> Iterator[None]:
        """While the task of a call is being accepted: a repeat of it waits for that."""
        done, place = asyncio.Event(), (account, digest)
        own = self._accepting.setdefault(place, done) is done
        try:
            yield
        finally:
            if own:
                del self._accepting[place]
                done.set()

    async def join(self, account: AccountId, digest: str, *, announced: bool) -> TaskId | None:
        """The task of the lost call that this one repeats; None for a new request.

        `announced` says that the client calls it a repeat. A task that failed is not joined otherwise: who sends the
        same again after a failure wants another try.
        """
        if announced and (twin := self._accepting.get((account, digest))):
            await twin.wait()
        since_ms = self._clock.now_ms() - REPEAT_MS
        found = await self._store.read(
            lambda records: self._find(records, account, digest, since_ms, announced=announced)
        )
        if found is None:
            return None
        if found.lost:  # is delivered now: the next equal request is a new one
            await self._store.run(lambda records: records.idempotency.unbind(account, _lost_key(digest)))
        if found.orphan:
            self._adopted.add(found.task)
        return found.task

    def lose(self, account: AccountId, digest: str, task: TaskId) -> asyncio.Future[None]:
        """Write down, in the background, that the answer of a call did not reach its client; done when that stands."""
        writing = asyncio.ensure_future(self._lose(account, digest, task))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return writing

    async def _lose(self, account: AccountId, digest: str, task: TaskId) -> None:
        now_ms = self._clock.now_ms()
        try:
            await self._store.run(
                lambda records: records.idempotency.rebind(account, _lost_key(digest), digest, task, now_ms)
            )
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("lost answer not recorded", task=task, error=str(error))

    def _find(
        self, records: Records, account: AccountId, digest: str, since_ms: int, *, announced: bool
    ) -> _Found | None:
        lost = records.idempotency.bound(account, _lost_key(digest), digest, since_ms)
        if lost and (announced or self._may_succeed(records.tasks.get(lost))):
            return _Found(lost, lost=True)
        newest = records.idempotency.newest(account, _prefix(digest), digest, since_ms)
        orphan = newest is not None and self._is_orphan(records.tasks.get(newest))
        return _Found(newest, orphan=orphan) if newest and (announced or orphan) else None

    def _is_orphan(self, task: Task | None) -> bool:
        """Whether the task was created before this process started, and ended, if at all, after that.

        One that a call of this process has joined has somebody to answer to again.
        """
        if task is None or not self._may_succeed(task) or task.created_ms >= self._started_ms:
            return False
        if task.id in self._adopted:
            return False
        return task.finished_ms is None or task.finished_ms >= self._started_ms

    @staticmethod
    def _may_succeed(task: Task | None) -> bool:
        return task is not None and task.status in {Status.QUEUED, Status.RUNNING, Status.SUCCESS}


def _prefix(digest: str) -> str:
    return f"{digest[:_PREFIX_LENGTH]}."


def _lost_key(digest: str) -> str:
    return f"{_prefix(digest)}lost"
