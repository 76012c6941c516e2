"""The progress writer: enqueues webhook messages about the progress of running tasks. Steps may be skipped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limner.application.webhooks.outbox import enqueue_deliveries
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import TaskId
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status, Task
from limner.domain.webhook import EventType
from limner.ports.clock import Clock
from limner.worker.loop import every
from limner.worker.running_tasks import RunningTasks

STEP = 10
"""Percent between two messages about the same task."""


@dataclass(slots=True)
class ProgressWriter:
    store: Store
    clock: Clock
    running: RunningTasks
    every_s: float = 2.0
    _written: dict[TaskId, int] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        await every(self.every_s, self.write, clock=self.clock, on_error="progress not written")

    async def write(self) -> None:
        running, now_ms = list(self.running.tasks), self.clock.now_ms()
        self._written = {task: percent for task, percent in self._written.items() if task in self.running.tasks}
        if not running:
            return
        watched = await self.store.read(lambda records: _watched(records, running))
        due = {
            task.id: percent
            for task in watched
            if (percent := displayed_progress(task, now_ms)) >= self._written.get(task.id, 0) + STEP
        }
        if due:
            await self.store.run(lambda records: _write(records, due, now_ms))
            self._written |= due


def _watched(records: Records, tasks: Sequence[TaskId]) -> Sequence[Task]:
    wanted = records.webhooks.with_progress_webhook(tasks)
    return [task for each in wanted if (task := records.tasks.get(each))]


def _write(records: Records, percents: Mapping[TaskId, int], now_ms: int) -> None:
    for each, percent in percents.items():
        task = records.tasks.get(each)
        if task and task.status is Status.RUNNING:
            enqueue_deliveries(records, task, EventType.PROGRESS, now_ms, f"{percent // STEP * STEP}%")
