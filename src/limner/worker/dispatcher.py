"""Takes tasks from the queue and sees each through."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from limner.application.execute import Execute
from limner.application.interrupt import Interrupt
from limner.domain.ids import TaskId
from limner.domain.refusal import Code
from limner.domain.task import Ending, Status
from limner.ports.clock import Clock
from limner.ports.records import Claimed, Store
from limner.ports.signals import Signals
from limner.worker.running import InHand, Running

log = structlog.get_logger()

CLAIM_AT_MOST = 100
"""Tasks taken in one statement: large enough to keep up with any queue, small enough to share it with other workers."""


@dataclass(slots=True)
class Dispatcher:
    """`lease_ms` is how long a claim holds without renewal, `capacity` how many tasks may be in hand at once."""

    store: Store
    execute: Execute
    signals: Signals
    clock: Clock
    running: Running
    owner: str
    lease_ms: int
    capacity: int
    poll_s: float
    _stopping: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Claim until told to stop."""
        while not self._stopping:
            if not await self._claim():
                await self.signals.wait_for_work(self.poll_s)

    def stop(self) -> None:
        self._stopping = True
        self.signals.work_arrived()

    def start(self, claimed: Sequence[Claimed]) -> None:
        """See these tasks through, side by side."""
        for each in claimed:
            hand = InHand(Interrupt())
            self.running.tasks[each.task.id] = hand
            hand.work = asyncio.create_task(self._see_through(each, hand), name=f"task-{each.task.id}")

    def room(self) -> int:
        return min(self.capacity - len(self.running), CLAIM_AT_MOST)

    async def _claim(self) -> bool:
        """Whether anything was taken; if so, there may be more."""
        room = self.room()
        if room <= 0:
            return False
        now_ms = self.clock.now_ms()
        try:
            claimed = await self.store.run(
                lambda records: records.tasks.claim(self.owner, now_ms, now_ms + self.lease_ms, room)
            )
        except Exception:  # the beat goes on: a database that is away now may be back in a moment
            log.exception("claim failed")
            await self.clock.sleep(self.poll_s)
            return False
        self.start(claimed)
        return bool(claimed)

    async def _see_through(self, claimed: Claimed, hand: InHand) -> None:
        task = claimed.task
        try:
            ended = await self.execute(claimed, self.owner, hand.interrupt, hand.report)
            if ended:
                log.info("task ended", task=task.id, status=ended.status, model=task.model, error=ended.error_msg)
        except Exception:
            log.exception("task broke", task=task.id)
            await self._give_up(task.id, claimed)
        finally:
            self._forget(task.id, hand)

    async def _give_up(self, task: TaskId, claimed: Claimed) -> None:
        """A fault of ours ends the task and gives the credits back. If even that fails, its lease runs out."""
        ending = Ending(Status.FAILED, error_code=Code.FATAL, error_msg="internal error")
        try:
            await self.execute.end(claimed.task, self.owner, ending)
        except Exception:
            log.exception("task could not be ended", task=task)

    def _forget(self, task: TaskId, hand: InHand) -> None:
        full = self.room() <= 0
        if self.running.tasks.get(task) is hand:
            del self.running.tasks[task]
        if full:
            self.signals.work_arrived()  # there is room again
