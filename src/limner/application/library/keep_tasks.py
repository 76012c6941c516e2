"""Keeping tasks: retention, and erasing of several, leave a kept task alone."""

from dataclasses import dataclass

from limner.application.read import TaskView, own_task, view_of
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal


@dataclass(frozen=True, slots=True)
class KeepTask:
    store: Store

    async def __call__(self, account: AccountId | None, task_id: TaskId, *, kept: bool) -> TaskView:
        """Set or remove the mark. Raises `Refusal` for keeping what was erased, or will be."""

        def work(records: Records) -> TaskView:
            task = own_task(records, account, task_id)
            if kept and not task.listed:
                raise _erased(task_id, due=task.erase_due_ms is not None)
            records.task_marks.keep(task_id, kept=kept)
            return view_of(records, own_task(records, account, task_id))

        return await self.store.run(work)


def _erased(task_id: TaskId, *, due: bool) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"task {task_id!r} {'is about to be' if due else 'was'} erased",
        suggestion="Undo that first." if due else "Only tasks with their content can be kept.",
        field="task_id",
    )
