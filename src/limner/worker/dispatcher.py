"""Takes tasks from the queue and sees each through."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.interrupt import Interrupt, Reason
from limner.application.store_errors import is_outage, log_loop_error
from limner.application.tasks.claim import claim
from limner.application.tasks.execute import ExecuteTask
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.tasks import ClaimedTask, ClaimLimit
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Task
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.worker.running_tasks import RunningTask, RunningTasks

log = structlog.get_logger()

MAX_CLAIM_BATCH = 100
"""Tasks taken in one statement: large enough to keep up with any queue, small enough to share it with other workers."""

OUTAGE_RETRY_S = 2.0
"""Between two looks whether an outage is over."""

SelectTasks = Callable[[Records, str, int, int, int], Sequence[ClaimedTask]]
"""Takes tasks for an owner, at a time, until a time, so many at most."""

GetClaimLimits = Callable[[Records, int], Sequence[ClaimLimit]]
"""What may start at this time: how many tasks of models whose vendors have limits."""


@dataclass(slots=True)
class Dispatcher:
    """`lease_ms` is how long a claim holds without renewal, `capacity` how many tasks may be in hand at once."""

    store: Store
    execute: ExecuteTask
    signals: Signals
    clock: Clock
    running: RunningTasks
    owner: str
    lease_ms: int
    capacity: int
    poll_s: float
    claim_limits: GetClaimLimits = lambda _records, _now_ms: ()
    disk_guard: DiskGuard = field(default_factory=DiskGuard)
    _stopping: bool = field(default=False, init=False)
    _held: bool = field(default=False, init=False)
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> None:
        """Claim until told to stop."""
        while not self._stopping:
            if not await self._claim():
                await self.signals.wait_for_work(self.poll_s)

    async def stop(self) -> None:
        """Take nothing more. What is being taken at this moment is in hand when this returns."""
        self._stopping = True
        self.signals.work_arrived()
        async with self._taking:
            pass

    async def take(self, choose: SelectTasks) -> bool:
        """Take as many of these tasks in hand as there is room for; whether there were any."""
        async with self._taking:
            room, now_ms = self.room(), self.clock.now_ms()
            if room <= 0 or self._stopping or await self.disk_guard.is_full(now_ms):
                return False
            taken = await self.store.run(
                lambda records: choose(records, self.owner, now_ms, now_ms + self.lease_ms, room)
            )
            self.start(taken)
            return bool(taken)

    def start(self, claimed: Sequence[ClaimedTask]) -> None:
        """See these tasks through, side by side."""
        for each in claimed:
            if each.task.id in self.running.tasks:
                continue  # we were held up until its lease ran out; now it is ours again, and goes on
            hand = RunningTask(Interrupt())
            if each.task.cancel_requested:
                hand.interrupt(Reason.CANCEL)
            self.running.tasks[each.task.id] = hand
            hand.work = asyncio.create_task(self._see_through(each, hand), name=f"task-{each.task.id}")

    def room(self) -> int:
        return min(self.capacity - len(self.running), MAX_CLAIM_BATCH)

    async def _claim(self) -> bool:
        """Whether anything was taken; if so, there may be more."""
        try:
            return await self.take(self._from_queue)
        except Exception as error:  # noqa: BLE001 - the beat goes on: a database that is away now may be back in a moment
            log_loop_error("claim failed", error)
            await self.clock.sleep(self.poll_s)
            return False

    def _from_queue(
        self, records: Records, owner: str, now_ms: int, until_ms: int, limit: int
    ) -> Sequence[ClaimedTask]:
        claim_limits = self.claim_limits(records, now_ms)
        self._held = bool(claim_limits)
        return claim(records, owner, now_ms, until_ms, limit=limit, claim_limits=claim_limits)

    async def _see_through(self, claimed: ClaimedTask, hand: RunningTask) -> None:
        task = claimed.task
        try:
            ended = await self._through_outages(claimed, hand)
            if ended:
                log.info("task ended", task=task.id, status=ended.status, model=task.model, error=ended.error_msg)
        except Exception:
            log.exception("task broke", task=task.id)
            await self._give_up(claimed)
        finally:
            self._forget(task.id, hand)

    async def _through_outages(self, claimed: ClaimedTask, hand: RunningTask) -> Task | None:
        """Run the task, and begin again from its journal after an outage, unless it is to be left to another worker."""
        while hand.interrupt.reason not in {Reason.SHUTDOWN, Reason.LEASE_LOST}:
            try:
                return await self.execute(claimed, self.owner, hand.interrupt, hand.report)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("task held up by an outage", task=claimed.task.id, trouble=str(error))
            await self.clock.sleep(OUTAGE_RETRY_S)
        return None

    async def _give_up(self, claimed: ClaimedTask) -> None:
        """A fault of ours ends the task and gives the credits back. If even that fails, its lease runs out."""
        try:
            await self.execute.give_up(claimed, self.owner)
        except Exception:
            log.exception("task could not be ended", task=claimed.task.id)

    def _forget(self, task: TaskId, hand: RunningTask) -> None:
        full = self.room() <= 0
        if self.running.tasks.get(task) is hand:
            del self.running.tasks[task]
        if full or self._held:
            self.signals.work_arrived()  # there is room again: here, or at the vendor
