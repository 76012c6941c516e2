"""Lease renewal: keeps the leases of running tasks, and writes the progress that providers report."""

from dataclasses import dataclass, field

from limner.application.generation.interrupt import Reason
from limner.db.store import Store
from limner.domain.ids import TaskId
from limner.ports.clock import Clock
from limner.worker.loop import every
from limner.worker.running_tasks import RunningTasks

RENEWAL_INTERVAL_S = 0.5
"""How often reported progress is written; leases are renewed when a third of their time has passed."""


@dataclass(slots=True)
class LeaseRenewer:
    store: Store
    clock: Clock
    running: RunningTasks
    owner: str
    lease_ms: int
    _written: dict[TaskId, int] = field(default_factory=dict, init=False)
    _renewed_ms: int = field(default=0, init=False)

    async def run(self) -> None:
        await every(RENEWAL_INTERVAL_S, self.renew, clock=self.clock, on_error="leases not renewed")

    async def renew(self) -> None:
        """Renew every lease when a third of its time has passed; before that only write new progress.

        Interrupts tasks whose lease was lost, or that are to be cancelled.
        """
        now_ms = self.clock.now_ms()
        reported = self.running.reported()
        due = abs(now_ms - self._renewed_ms) >= self.lease_ms // 3  # the clock may have been set back
        changed = {task: percent for task, percent in reported.items() if due or percent > self._written.get(task, 0)}
        self._written = reported
        if not changed:
            return
        ours, cancelled = await self.store.run(
            lambda records: records.tasks.renew(self.owner, now_ms, self.lease_ms, changed)
        )
        if due:
            self._renewed_ms = now_ms
        for task in cancelled:
            self.running.interrupt(task, Reason.CANCEL)
        for task in changed.keys() - ours:
            self.running.interrupt(task, Reason.LEASE_LOST)
