"""Erasing with time to undo: tasks are marked with the time at which a worker erases them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, TaskId, is_uuid
from limner.domain.tasks.task import Task
from limner.ports.clock import Clock

MOST_DERIVED = 1_000


@dataclass(frozen=True, slots=True)
class PlannedErasure:
    """What is erased at `at_ms`, and what is not: kept tasks, unfinished ones, and ids that are none of the account's.

    `derived` are the tasks with a reference from a task that is erased. They stay, with their own copy of it.
    """

    at_ms: int
    erasing: Sequence[TaskId]
    kept: Sequence[TaskId]
    unfinished: Sequence[TaskId]
    missed: Sequence[TaskId]
    derived: Mapping[TaskId, Sequence[TaskId]]


@dataclass(frozen=True, slots=True)
class EraseLater:
    store: Store
    clock: Clock

    async def __call__(
        self, account: AccountId, ids: Sequence[TaskId], *, grace_s: int, even_kept: bool, actor: str
    ) -> PlannedErasure:
        """Erase finished tasks of the account in `grace_s` seconds. From now on lists do not show them."""
        now_ms = self.clock.now_ms()

        def work(records: Records) -> PlannedErasure:
            tasks = {task.id: task for task in records.tasks.of(account, [each for each in ids if is_uuid(each)])}
            planned = _planned(records, ids, tasks, now_ms + grace_s * 1000, even_kept=even_kept)
            records.task_marks.erase_at(planned.erasing, planned.at_ms)
            if planned.erasing:
                details = {"tasks": len(planned.erasing), "at_ms": planned.at_ms}
                records.audit_log.add(actor, "task.erase_later", account, details, now_ms)
            return planned

        return await self.store.run(work)

    async def undo(self, account: AccountId, ids: Sequence[TaskId], *, actor: str) -> Sequence[TaskId]:
        """Restore those of the account's tasks that are not erased yet; returns them."""

        def work(records: Records) -> Sequence[TaskId]:
            restored = records.task_marks.do_not_erase(account, [each for each in ids if is_uuid(each)])
            if restored:
                now_ms = self.clock.now_ms()
                records.audit_log.add(actor, "task.erase_undone", account, {"tasks": len(restored)}, now_ms)
            return [each for each in ids if each in set(restored)]

        return await self.store.run(work)


def _planned(
    records: Records, ids: Sequence[TaskId], tasks: Mapping[TaskId, Task], at_ms: int, *, even_kept: bool
) -> PlannedErasure:
    known = [tasks[each] for each in ids if each in tasks]
    kept = [task.id for task in known if task.kept and not even_kept]
    unfinished = [task.id for task in known if not task.status.final]
    erasing = [task.id for task in known if task.listed and task.id not in {*kept, *unfinished}]
    return PlannedErasure(
        at_ms=at_ms,
        erasing=erasing,
        kept=kept,
        unfinished=unfinished,
        missed=[each for each in ids if each not in {*erasing, *kept, *unfinished}],
        derived=_derived(records, erasing),
    )


def _derived(records: Records, tasks: Sequence[TaskId]) -> Mapping[TaskId, Sequence[TaskId]]:
    """The tasks made from each of these, apart from those that are erased with it."""
    found: defaultdict[TaskId, list[TaskId]] = defaultdict(list)
    for edge in records.lineage.children(tasks, MOST_DERIVED):
        if edge.task not in tasks and edge.task not in found[edge.parent]:
            found[edge.parent].append(edge.task)
    return {parent: derived for parent, derived in found.items() if derived}
