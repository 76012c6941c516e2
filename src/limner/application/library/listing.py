"""Lists of tasks, with filters and search."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.read import TaskView, view_of
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId
from limner.domain.tasks.listing import TaskFilter, cursor_of, position_of


@dataclass(frozen=True, slots=True)
class ListedTasks:
    """A page of a list; `next` is the cursor of the page after it, None at the end."""

    tasks: Sequence[TaskView]
    next: str | None


@dataclass(frozen=True, slots=True)
class ListTasks:
    store: Store

    async def __call__(
        self, account: AccountId | None, filter_: TaskFilter, *, after: str | None, limit: int
    ) -> ListedTasks:
        """Tasks of the account, or of all for None, newest first. Raises `Refusal` for a cursor of another list."""
        position = position_of(after, searching=bool(filter_.search)) if after is not None else None

        def work(records: Records) -> ListedTasks:
            page = records.task_lists.page(account, filter_, position, limit)
            return ListedTasks(
                [view_of(records, task) for task in page.tasks], cursor_of(page.next) if page.next else None
            )

        return await self.store.read(work)
