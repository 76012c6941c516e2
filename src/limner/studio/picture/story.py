"""All that is told of one picture, read in one unit of work."""

from collections.abc import Mapping
from dataclasses import dataclass

from limner.application.explain import Explain, Explanation
from limner.application.library.lineage import Lineage, lineage_of
from limner.application.read import TaskView, own_task, view_of
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class PictureStory:
    """A task with its explanation, its lineage, and the account's next newer and older task."""

    seen: TaskView
    told: Explanation
    lineage: Lineage
    newer: TaskId | None
    older: TaskId | None
    balance: Balance
    made_with: str
    sizes: Mapping[BlobId, int]
    """Of the task's pictures, in bytes."""


@dataclass(frozen=True, slots=True)
class ReadStory:
    store: Store
    explain: Explain

    async def __call__(self, account: AccountId, task_id: TaskId) -> PictureStory:
        """Raises `Refusal` for a task that is not the account's."""
        return await self.store.read(lambda records: self._story(records, account, task_id))

    async def pair(self, account: AccountId, a: TaskId, b: TaskId) -> tuple[Explanation, Explanation]:
        """The explanations of two tasks, in one unit of work."""
        return await self.store.read(
            lambda records: (self.explain.within(records, account, a), self.explain.within(records, account, b))
        )

    def _story(self, records: Records, account: AccountId, task_id: TaskId) -> PictureStory:
        newer, older = records.tasks.neighbours(account, task_id)
        seen = view_of(records, own_task(records, account, task_id))
        return PictureStory(
            seen,
            self.explain.within(records, account, task_id),
            lineage_of(records, account, task_id),
            newer,
            older,
            records.accounts.balance(account),
            records.keys.name_of_maker(task_id),
            _sizes(records, seen.task),
        )


def _sizes(records: Records, task: Task) -> Mapping[BlobId, int]:
    blobs = {each.blob for each in task.result.pictures().values()} if task.result else set()
    return {each: records.blobs.total_size([each]) for each in blobs}
