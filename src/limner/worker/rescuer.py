"""The rescuer: takes over tasks whose lease ran out, and expires tasks that were queued for too long.

After a gap longer than a lease (the machine slept, the clock was set, the database was away) no lease counts as run out
until the workers that are alive have had one lease's time to renew theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.tasks import ClaimedTask
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Ending, Status
from limner.ports.clock import Clock
from limner.worker.dispatcher import Dispatcher
from limner.worker.lease_owner import LeaseOwner, is_dead
from limner.worker.loop import every

log = structlog.get_logger()

EXPIRED = Ending(Status.EXPIRED, error_code=1001, error_msg="waited too long in the queue")
EXPIRE_BATCH = 200
"""Tasks that are ended in one round."""

EXPIRED_TOGETHER = 8
"""Tasks that are ended in one unit of work: 200 kept SQLite's writer busy for half a second."""

MAX_LEASE_FACTOR = 10
"""A lease that ends later than this many times its length was written before the clock was set back."""


@dataclass(slots=True)
class Rescuer:
    store: Store
    clock: Clock
    dispatcher: Dispatcher
    me: LeaseOwner
    every_s: float = 1.0
    _last_run_ms: int | None = field(default=None, init=False)
    _gap: tuple[int, int] | None = field(default=None, init=False)

    async def run(self) -> None:
        await every(self.every_s, self.rescue, clock=self.clock, on_error="rescue failed")

    async def rescue(self) -> None:
        await self.store.run(self._correct_leases)
        await expire_overdue(self.store, self.clock.now_ms())
        shared_ms = await self.store.read(lambda records: records.shared_now_ms(self.clock.now_ms()))
        expired_before_ms = self._expired_before_ms(shared_ms)

        def select(records: Records, owner: str, now_ms: int, lease_ms: int, limit: int) -> Sequence[ClaimedTask]:
            return records.tasks.rescue(owner, now_ms, lease_ms, limit, expired_before_ms)

        while await self.dispatcher.claim(select):
            pass

    def _correct_leases(self, records: Records) -> None:
        """End the leases of dead workers, and shorten those that were written before the clock was set back."""
        now_ms = records.shared_now_ms(self.clock.now_ms())
        dead = [owner for owner in records.tasks.lease_owners() if is_dead(owner, self.me)]
        if dead:
            log.info("took over from dead workers", leases=records.tasks.end_leases_of(dead))
        lease_ms = self.dispatcher.lease_ms
        if shortened := records.tasks.shorten_leases(now_ms + MAX_LEASE_FACTOR * lease_ms, now_ms + lease_ms):
            log.warning("leases shortened, the clock was set back", leases=shortened)

    def _expired_before_ms(self, now_ms: int) -> int:
        """The time before which a lease must have run out: now, or the start of a gap that has just ended."""
        lease_ms = self.dispatcher.lease_ms
        if self._last_run_ms is not None and now_ms - self._last_run_ms > lease_ms:
            self._gap = self._last_run_ms, now_ms
        self._last_run_ms = now_ms
        if self._gap and 0 <= now_ms - self._gap[1] < lease_ms:
            return self._gap[0]
        return now_ms


async def expire_overdue(store: Store, now_ms: int) -> None:
    """End tasks that were queued for too long, in short units of work; accounts take turns."""
    overdue = await store.read(lambda records: records.tasks.overdue(now_ms, EXPIRE_BATCH))
    for start in range(0, len(overdue), EXPIRED_TOGETHER):
        await _expire(store, overdue[start : start + EXPIRED_TOGETHER], now_ms)


async def _expire(store: Store, tasks: Sequence[TaskId], now_ms: int) -> None:
    def work(records: Records) -> None:
        for task in tasks:
            settle(records, task, EXPIRED, now_ms, owner=None)

    await store.run(work)
