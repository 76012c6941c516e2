"""Cancelling a task: at once while it is queued, through its worker while it runs."""

from dataclasses import dataclass

from limner.application.read import own_task
from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code
from limner.domain.tasks.task import Ending, Status, Task
from limner.ports.clock import Clock
from limner.ports.signals import Signals

CANCELLED_BY_CALLER = Ending(Status.CANCELLED, error_code=Code.FATAL, error_msg="cancelled by its owner")


@dataclass(frozen=True, slots=True)
class Cancel:
    store: Store
    signals: Signals
    clock: Clock

    async def __call__(self, account: AccountId | None, task_id: TaskId) -> Task:
        """The task as it is now. A finished task is unchanged; a running one that is delivered first succeeds."""
        task = await self.store.run(lambda records: _cancel(records, account, task_id, self.clock.now_ms()))
        if task.status is Status.RUNNING:
            self.signals.cancel_run(task_id)
        return task


def _cancel(records: Records, account: AccountId | None, task_id: TaskId, now_ms: int) -> Task:
    task = own_task(records, account, task_id)
    if task.status is Status.QUEUED and (
        cancelled := settle(records, task_id, CANCELLED_BY_CALLER, now_ms, owner=None)
    ):
        return cancelled
    records.tasks.request_cancel(task_id)  # a worker may have claimed it in the meantime
    return own_task(records, account, task_id)
