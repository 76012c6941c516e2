"""Takes over what other workers left: tasks whose lease ran out, and those that waited too long."""

from dataclasses import dataclass

import structlog

from limner.application.settle import settle
from limner.domain.task import Ending, Status
from limner.ports.clock import Clock
from limner.ports.records import Records, Store
from limner.worker.dispatcher import Dispatcher
from limner.worker.identity import Identity, is_dead

log = structlog.get_logger()

EXPIRED = Ending(Status.EXPIRED, error_code=1001, error_msg="waited too long in the queue")
AT_ONCE = 200


@dataclass(slots=True)
class Rescuer:
    store: Store
    clock: Clock
    dispatcher: Dispatcher
    me: Identity
    every_s: float = 1.0

    async def run(self) -> None:
        while True:
            try:
                await self.beat()
            except Exception:  # the beat goes on
                log.exception("rescue failed")
            await self.clock.sleep(self.every_s)

    async def beat(self) -> None:
        now_ms = self.clock.now_ms()
        await self.store.run(self._free_leases_of_the_dead)
        await self.store.run(lambda records: expire(records, now_ms))
        await self.dispatcher.take(lambda tasks: tasks.rescue)

    def _free_leases_of_the_dead(self, records: Records) -> None:
        dead = [owner for owner in records.tasks.lease_owners() if is_dead(owner, self.me)]
        if dead:
            log.info("took over from dead workers", leases=records.tasks.free_leases_of(dead))


def expire(records: Records, now_ms: int) -> None:
    for task in records.tasks.overdue(now_ms, AT_ONCE):
        settle(records, task.id, EXPIRED, now_ms, owner=None)
