"""What a task was made from, and what was made from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.application.read import TaskView, own_task, view_of
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.library.lineage import LineageEdge
from limner.domain.ids import AccountId, TaskId

MOST_TASKS = 200
"""Tasks of one lineage; a larger one is not complete."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """A task with its ancestors and descendants, oldest first, and the edges between them.

    `complete` is False where there are more than `MOST_TASKS`.
    """

    tasks: Sequence[TaskView]
    edges: Sequence[LineageEdge]
    complete: bool


@dataclass(frozen=True, slots=True)
class ReadLineage:
    store: Store

    async def __call__(self, account: AccountId | None, task_id: TaskId) -> Lineage:
        """Raises `Refusal` for a task that is not the account's. All of a lineage belongs to one account."""
        return await self.store.read(lambda records: lineage_of(records, account, task_id))


def lineage_of(records: Records, account: AccountId | None, task_id: TaskId) -> Lineage:
    """The lineage, in a unit of work that reads more than this."""
    task = own_task(records, account, task_id)
    up = _walk(task_id, records.lineage.parents, lambda edge: edge.parent)
    down = _walk(task_id, records.lineage.children, lambda edge: edge.task)
    edges = list(dict.fromkeys([*up, *down]))
    found = list(dict.fromkeys([task_id, *(each for edge in edges for each in (edge.parent, edge.task))]))
    tasks = sorted(records.tasks.of(task.account, found[:MOST_TASKS]), key=lambda each: (each.created_ms, each.id))
    shown = {each.id for each in tasks}
    return Lineage(
        tasks=[view_of(records, each) for each in tasks],
        edges=[edge for edge in edges if {edge.parent, edge.task} <= shown],
        complete=len(found) <= MOST_TASKS,
    )


def _walk(
    start: TaskId,
    step: Callable[[Sequence[TaskId], int], Sequence[LineageEdge]],
    end_of: Callable[[LineageEdge], TaskId],
) -> list[LineageEdge]:
    """The edges reached from a task in one direction, nearest first."""
    edges, seen, level = list[LineageEdge](), {start}, [start]
    while level and len(seen) <= MOST_TASKS:
        reached = step(level, 2 * MOST_TASKS)
        edges += reached
        level = list(dict.fromkeys(end for edge in reached if (end := end_of(edge)) not in seen))
        seen.update(level)
    return edges
