"""Writes down how far tasks are, for the webhooks that want to hear it. Nobody is promised to be told of every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limner.application.store_errors import log_loop_error
from limner.application.webhooks.outbox import enqueue_deliveries
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import TaskId
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status, Task
from limner.domain.webhook import EventType
from limner.ports.clock import Clock
from limner.worker.running_tasks import RunningTasks

STEP = 10
"""Percent between two messages about one task."""


@dataclass(slots=True)
class ProgressWriter:
    store: Store
    clock: Clock
    running: RunningTasks
    every_s: float = 2.0
    _told: dict[TaskId, int] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        while True:
            await self.clock.sleep(self.every_s)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - the beat goes on
                log_loop_error("progress not told", error)

    async def beat(self) -> None:
        ours, now_ms = list(self.running.tasks), self.clock.now_ms()
        self._told = {task: percent for task, percent in self._told.items() if task in self.running.tasks}
        if not ours:
            return
        watched = await self.store.read(lambda records: _watched(records, ours))
        told = self._told
        news = {
            task.id: percent
            for task in watched
            if (percent := displayed_progress(task, now_ms)) >= told.get(task.id, 0) + STEP
        }
        if news:
            await self.store.run(lambda records: _write(records, news, now_ms))
            self._told |= news


def _watched(records: Records, tasks: Sequence[TaskId]) -> Sequence[Task]:
    wanted = records.webhooks.with_progress_webhook(tasks)
    return [task for each in wanted if (task := records.tasks.get(each))]


def _write(records: Records, news: Mapping[TaskId, int], now_ms: int) -> None:
    for each, percent in news.items():
        task = records.tasks.get(each)
        if task and task.status is Status.RUNNING:
            enqueue_deliveries(records, task, EventType.PROGRESS, now_ms, f"{percent // STEP * STEP}%")
