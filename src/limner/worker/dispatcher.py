"""The dispatcher: claims tasks from the queue and executes each in an asyncio task."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import structlog

from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.interrupt import Interrupt, Reason
from limner.application.spans import CLAIMS, QUEUE, TASK, TASK_ID, of_ended_task, of_task
from limner.application.store_errors import is_outage, log_loop_error
from limner.application.tasks.claim import claim
from limner.application.tasks.execute import ExecuteTask
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.tasks import ClaimedTask, ClaimLimit
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Task
from limner.ports.acting_account import acting_for
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.ports.telemetry import NO_TELEMETRY, Telemetry
from limner.ports.tracing import NO_TRACING, Span, SpanKind, Tracing
from limner.worker.running_tasks import RunningTask, RunningTasks

log = structlog.get_logger()

MAX_CLAIM_BATCH = 100
"""Tasks claimed in one statement: enough to keep up with any queue, few enough to leave some to other workers."""

OUTAGE_RETRY_S = 2.0
"""Between two tries of a task that an outage interrupts."""

SelectTasks = Callable[[Records, str, int, int, int], Sequence[ClaimedTask]]
"""Claims tasks in a unit of work: for an owner, at a time (ms), leased for so many ms, at most so many."""

GetClaimLimits = Callable[[Records, int], Sequence[ClaimLimit]]
"""How many tasks of models with limited providers may be claimed at a time."""

_HANDED_OVER = frozenset({Reason.SHUTDOWN, Reason.LEASE_LOST})


@dataclass(slots=True)
class Dispatcher:
    """`lease_ms` is how long a claim lasts without renewal, `capacity` how many tasks run at once."""

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
    telemetry: Telemetry = NO_TELEMETRY
    tracing: Tracing = NO_TRACING
    _stopping: bool = field(default=False, init=False)
    _is_limited: bool = field(default=False, init=False)
    _took_all: bool = field(default=False, init=False)
    _claiming: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> None:
        """Claim tasks until `stop`."""
        while not self._stopping:
            if not await self._claim_queued() or self._took_all:  # what is queued meanwhile signals its arrival
                await self.signals.wait_for_work(self.poll_s)

    async def stop(self) -> None:
        """Claim nothing more. A claim that is under way is in `running` when this returns."""
        self._stopping = True
        self.signals.work_arrived()
        async with self._claiming:
            pass

    async def claim(self, select: SelectTasks) -> bool:
        """Claim and start as many of these tasks as there are free slots; whether there were any."""
        async with self._claiming:
            limit, now_ms = self.free_slots(), self.clock.now_ms()
            if limit <= 0 or self._stopping or await self.disk_guard.is_full(now_ms):
                return False
            claimed = await self.store.run(lambda records: select(records, self.owner, now_ms, self.lease_ms, limit))
            self.start(claimed)
            self._took_all = len(claimed) < limit
            return bool(claimed)

    def start(self, claimed: Sequence[ClaimedTask]) -> None:
        """Execute these tasks concurrently."""
        for each in claimed:
            if each.task.id in self.running.tasks:
                continue  # its lease ran out while this worker was held up, and is this worker's again
            running = RunningTask(Interrupt())
            if each.task.cancel_requested:
                running.interrupt(Reason.CANCEL)
            self.running.tasks[each.task.id] = running
            with acting_for(each.task.account):
                running.work = asyncio.create_task(self._execute(each, running), name=f"task-{each.task.id}")

    def free_slots(self) -> int:
        return min(self.capacity - len(self.running), MAX_CLAIM_BATCH)

    async def _claim_queued(self) -> bool:
        """Whether anything was claimed."""
        try:
            return await self.claim(self._select_queued)
        except Exception as error:  # noqa: BLE001 - loops must survive any error
            log_loop_error("claim failed", error)
            await self.clock.sleep(self.poll_s)
            return False

    def _select_queued(
        self, records: Records, owner: str, now_ms: int, lease_ms: int, limit: int
    ) -> Sequence[ClaimedTask]:
        claim_limits = self.claim_limits(records, now_ms)
        self._is_limited = bool(claim_limits)
        return claim(records, owner, now_ms, lease_ms, limit=limit, claim_limits=claim_limits)

    async def _execute(self, claimed: ClaimedTask, running: RunningTask) -> None:
        """Execute the task, from its journal again after an outage, until it ends or another worker continues it."""
        task, is_new = claimed.task, claimed.claims == 1
        structlog.contextvars.bind_contextvars(task=task.id, account=task.account)  # in this asyncio task alone
        try:
            with self._span(claimed) as span:
                while running.interrupt.reason not in _HANDED_OVER:
                    try:
                        ended = await self.execute(
                            claimed, self.owner, running.interrupt, running.report, is_new=is_new
                        )
                    except Exception as error:
                        is_new = False
                        if not is_outage(error):
                            raise
                        log.warning("task interrupted by an outage", error=str(error))
                        await self.clock.sleep(OUTAGE_RETRY_S)
                    else:
                        if ended is not None:
                            self._report(ended, span)
                        return
        except Exception:
            log.exception("task failed on a bug")
            await self._give_up(claimed)
        finally:
            self._forget(task.id, running)

    def _span(self, claimed: ClaimedTask) -> AbstractContextManager[Span]:
        task, trace = claimed.task, claimed.trace
        if trace and claimed.claims == 1 and task.started_ms is not None:
            waited = {"begun_ms": task.created_ms, "ended_ms": task.started_ms}
            self.tracing.record(QUEUE, {TASK_ID: task.id}, **waited, parent=trace)
        return self.tracing.span(TASK, {**of_task(task), CLAIMS: claimed.claims}, kind=SpanKind.CONSUMER, parent=trace)

    def _report(self, ended: Task, span: Span) -> None:
        self.telemetry.task_executed(ended)
        span.set(of_ended_task(ended))
        _log_end(ended)

    async def _give_up(self, claimed: ClaimedTask) -> None:
        """End a task that met a bug of ours, with a refund. If that fails too, its lease runs out."""
        try:
            await self.execute.give_up(claimed, self.owner)
        except Exception:
            log.exception("task not ended")

    def _forget(self, task: TaskId, running: RunningTask) -> None:
        was_full = self.free_slots() <= 0
        if self.running.tasks.get(task) is running:
            del self.running.tasks[task]
        if was_full or self._is_limited:
            self.signals.work_arrived()  # a slot is free: here, or at the provider


def _log_end(task: Task) -> None:
    log.info(
        "task ended",
        task=task.id,
        account=task.account,
        status=task.status,
        model=task.model,
        provider=(task.served_by or {}).get("provider"),
        duration_ms=(task.finished_ms or 0) - (task.started_ms or task.finished_ms or 0),
        credits=task.consumed,
        error=task.error_msg,
    )
