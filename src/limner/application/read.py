"""Reading tasks of the caller's own account."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Status, Task

MAX_QUEUE_COUNT = 1_000
"""A place in the queue is counted up to here: counting further costs more and helps no caller."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task, and how many tasks are ahead of it in the queue; `ahead` is None once it has left the queue."""

    task: Task
    ahead: int | None


def own_task(records: Records, account: AccountId | None, task_id: TaskId) -> Task:
    """The task, if it belongs to this account; None as account reads any. Another account's task is not found.

    Raises `Refusal`.
    """
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
        return await self.store.read(lambda records: view_of(records, own_task(records, account, task_id)))

    async def many(self, account: AccountId, task_ids: Sequence[TaskId]) -> Sequence[TaskView]:
        """Those of `task_ids` that are this account's, in no particular order."""
        named = [each for each in task_ids if is_uuid(each)]
        return await self.store.read(
            lambda records: [view_of(records, task) for task in records.tasks.of(account, named)]
        )

    async def page(self, account: AccountId, limit: int, offset: int) -> Sequence[Task]:
        """The account's tasks, the newest first, without the first `offset`."""
        return await self.store.read(lambda records: records.tasks.page(account, limit, offset))

    async def neighbours(self, account: AccountId, task: TaskId) -> tuple[TaskId | None, TaskId | None]:
        """The account's next newer and next older task."""
        return await self.store.read(lambda records: records.tasks.neighbours(account, task))


def view_of(records: Records, task: Task) -> TaskView:
    """The task with its place in the queue."""
    queued = task.status is Status.QUEUED
    return TaskView(task, records.tasks.count_ahead(task.id, MAX_QUEUE_COUNT) if queued else None)
