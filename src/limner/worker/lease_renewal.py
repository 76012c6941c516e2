"""Keeps the leases of what is in hand, and passes on what the providers report."""

from dataclasses import dataclass, field

from limner.application.generation.interrupt import Reason
from limner.application.store_errors import log_loop_error
from limner.db.store import Store
from limner.domain.ids import TaskId
from limner.ports.clock import Clock
from limner.worker.running_tasks import RunningTasks

RENEWAL_INTERVAL_S = 0.5
"""How often reported progress reaches the database; a watcher sees it that fresh."""


@dataclass(slots=True)
class LeaseRenewer:
    store: Store
    clock: Clock
    running: RunningTasks
    owner: str
    lease_ms: int
    _kept: dict[TaskId, int] = field(default_factory=dict, init=False)
    _renewed_ms: int = field(default=0, init=False)

    async def run(self) -> None:
        while True:
            await self.clock.sleep(RENEWAL_INTERVAL_S)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - the beat goes on; a lease survives several missed ones
                log_loop_error("leases not renewed", error)

    async def beat(self) -> None:
        """Renew every lease when a third of its time has gone, else only write down the news."""
        now_ms = self.clock.now_ms()
        reported = self.running.reported()
        due = abs(now_ms - self._renewed_ms) >= self.lease_ms // 3  # the clock may be set back, too
        news = {task: percent for task, percent in reported.items() if due or percent > self._kept.get(task, 0)}
        self._kept = reported
        if not news:
            return
        ours, cancelled = await self.store.run(
            lambda records: records.tasks.renew(self.owner, now_ms + self.lease_ms, news)
        )
        if due:
            self._renewed_ms = now_ms
        for task in cancelled:
            self.running.interrupt(task, Reason.CANCEL)
        for task in news.keys() - ours:
            self.running.interrupt(task, Reason.LEASE_LOST)
