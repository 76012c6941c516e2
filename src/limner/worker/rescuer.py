"""Takes over what other workers left: tasks whose lease ran out, and those that waited too long.

Time that nobody saw pass is nobody's fault: when the machine slept, the clock was set or the database was away for
longer than a lease, the living have a lease's time to renew before anything is taken from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from limner.application.store_errors import log_loop_error
from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.tasks import ClaimedTask
from limner.domain.tasks.task import Ending, Status
from limner.ports.clock import Clock
from limner.worker.dispatcher import Dispatcher
from limner.worker.lease_owner import LeaseOwner, is_dead

log = structlog.get_logger()

EXPIRED = Ending(Status.EXPIRED, error_code=1001, error_msg="waited too long in the queue")
EXPIRE_BATCH = 200

MAX_LEASE_FACTOR = 10
"""No lease is given for so many times its length: one that ends later is from before the clock was set back."""


@dataclass(slots=True)
class Rescuer:
    store: Store
    clock: Clock
    dispatcher: Dispatcher
    me: LeaseOwner
    every_s: float = 1.0
    _looked_ms: int | None = field(default=None, init=False)
    _gap: tuple[int, int] | None = field(default=None, init=False)

    async def run(self) -> None:
        while True:
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - the beat goes on
                log_loop_error("rescue failed", error)
            await self.clock.sleep(self.every_s)

    async def beat(self) -> None:
        now_ms = self.clock.now_ms()
        await self.store.run(lambda records: self._mend_leases(records, now_ms))
        await self.store.run(lambda records: expire(records, now_ms))
        over_ms = self._over(self.clock.now_ms())
        while await self.dispatcher.take(partial(_rescue, over_ms)):
            pass

    def _mend_leases(self, records: Records, now_ms: int) -> None:
        """End those of the dead, and shorten those that were given before the clock was set back."""
        dead = [owner for owner in records.tasks.lease_owners() if is_dead(owner, self.me)]
        if dead:
            log.info("took over from dead workers", leases=records.tasks.end_leases_of(dead))
        lease_ms = self.dispatcher.lease_ms
        if shortened := records.tasks.shorten_leases(now_ms + MAX_LEASE_FACTOR * lease_ms, now_ms + lease_ms):
            log.warning("leases from the future, the clock was set back", leases=shortened)

    def _over(self, now_ms: int) -> int:
        """The moment before which a lease must have run out: now, or when a gap began whose end is not a lease ago."""
        lease_ms = self.dispatcher.lease_ms
        if self._looked_ms is not None and now_ms - self._looked_ms > lease_ms:
            self._gap = self._looked_ms, now_ms
        self._looked_ms = now_ms
        if self._gap and 0 <= now_ms - self._gap[1] < lease_ms:
            return self._gap[0]
        return now_ms


def _rescue(over_ms: int, records: Records, owner: str, _: int, until_ms: int, limit: int) -> Sequence[ClaimedTask]:
    return records.tasks.rescue(owner, over_ms, until_ms, limit)


def expire(records: Records, now_ms: int) -> None:
    for task in records.tasks.overdue(now_ms, EXPIRE_BATCH):
        settle(records, task.id, EXPIRED, now_ms, owner=None)
