"""Taking a picture down with everything that was made from it: one receipt for all."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.read import own_task
from limner.application.retention.erase import Erase
from limner.db.records import Records
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal

_AT_ONCE, _MOST_EDGES = 500, 1_000_000


@dataclass(frozen=True, slots=True)
class Takedown:
    """What was erased: the task, and the tasks that used its pictures, directly or not. `size` in bytes."""

    task: TaskId
    tasks: Sequence[TaskId]
    by: str
    files: int
    size: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class TakeDown:
    erase: Erase

    async def __call__(self, task_id: TaskId, by: str | None = None) -> Takedown:
        """Erase a task and its descendants. Raises `Refusal` before anything is erased where one has not ended."""
        store, named = self.erase.store, by or self.erase.actor
        found = await store.read(lambda records: _descendants(records, task_id))
        receipts = [await self.erase(None, each, named) for each in found]
        now_ms = self.erase.clock.now_ms()
        files, size = sum(each.files for each in receipts), sum(each.size for each in receipts)
        facts = {"tasks": len(found), "files": files, "bytes": size}
        await store.run(
            lambda records: records.audit_log.add(self.erase.actor, "task.take_down", task_id, facts, now_ms)
        )
        return Takedown(task_id, found, named, files, size, now_ms)


def _descendants(records: Records, task_id: TaskId) -> list[TaskId]:
    """The task and all that was made from it, what was made first."""
    found, level = {task_id: None}, [task_id]
    while level:
        children = [
            edge.task
            for start in range(0, len(level), _AT_ONCE)
            for edge in records.lineage.children(level[start : start + _AT_ONCE], _MOST_EDGES)
        ]
        level = [each for each in dict.fromkeys(children) if each not in found]
        found |= dict.fromkeys(level)
    if running := [each for each in found if not own_task(records, None, each).status.final]:
        raise Refusal(
            Code.INVALID,
            f"{len(running)} of {len(found)} tasks have not ended, among them {running[0]}",
            suggestion="Cancel them (`limner tasks cancel`) or wait for them, and take the picture down then.",
        )
    return list(found)
