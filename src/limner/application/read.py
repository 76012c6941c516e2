"""Reading tasks, one's own only."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Status, Task

MAX_QUEUE_COUNT = 1_000
"""A place in the queue is counted up to here; beyond, the exact number helps nobody and costs more each time."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as its owner sees it now. `ahead` is how many come before it in the queue, None when it has left it."""

    task: Task
    ahead: int | None


def own_task(records: Records, account: AccountId | None, task_id: TaskId) -> Task:
    """The task, if it is this account's, or any for the operator (no account). Another's is not found, as if none."""
    task = records.tasks.get(task_id) if is_uuid(task_id) else None
    if task is None or (account is not None and task.account != account):
        raise Refusal(
            Code.TASK_NOT_FOUND,
            f"there is no task {task_id!r}",
            suggestion="Check the task id, and that the key belongs to the account that created the task.",
            field="task_id",
        )
    return task


@dataclass(frozen=True, slots=True)
class ReadTask:
    store: Store

    async def __call__(self, account: AccountId | None, task_id: TaskId) -> TaskView:
        return await self.store.read(lambda records: _see(records, own_task(records, account, task_id)))

    async def many(self, account: AccountId, task_ids: Sequence[TaskId]) -> Sequence[TaskView]:
        """Those of `task_ids` that are this account's, in no particular order."""
        named = [each for each in task_ids if is_uuid(each)]
        return await self.store.read(lambda records: [_see(records, task) for task in records.tasks.of(account, named)])

    async def page(self, account: AccountId, limit: int, offset: int) -> Sequence[Task]:
        """The account's tasks, the newest first, without the first `offset`."""
        return await self.store.read(lambda records: records.tasks.page(account, limit, offset))


def _see(records: Records, task: Task) -> TaskView:
    waiting = task.status is Status.QUEUED
    return TaskView(task, records.tasks.count_ahead(task.id, MAX_QUEUE_COUNT) if waiting else None)
