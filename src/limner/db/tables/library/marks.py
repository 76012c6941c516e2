"""Marks that a caller sets on tasks: kept, and to be erased."""

from collections.abc import Sequence

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId

_KEEP = Sql("UPDATE tasks SET kept = :kept WHERE id = :id")
_ERASE_AT = Sql("UPDATE tasks SET erase_due_ms = :due_ms, listed = 0 WHERE id IN :ids")
_DO_NOT_ERASE = Sql("""
    UPDATE tasks SET erase_due_ms = NULL, listed = 1
    WHERE account = :account AND erase_due_ms IS NOT NULL AND id IN :ids RETURNING id
""")
_DUE = Sql("""
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY account ORDER BY erase_due_ms, id) AS turn FROM tasks
        WHERE erase_due_ms <= :now_ms) AS due
    ORDER BY turn, id LIMIT :limit
""")


class TaskMarks:
    def __init__(self, db: Db) -> None:
        self._db = db

    def keep(self, task: TaskId, *, kept: bool) -> None:
        self._db.run(_KEEP, {"id": task, "kept": int(kept)})

    def erase_at(self, tasks: Sequence[TaskId], due_ms: int) -> None:
        """Erase these tasks at this time; until then it can be undone."""
        self._db.run(_ERASE_AT, {"ids": self._db.ids(tasks), "due_ms": due_ms})

    def do_not_erase(self, account: AccountId, tasks: Sequence[TaskId]) -> Sequence[TaskId]:
        """Undo `erase_at` for those tasks of the account that are not erased yet; returns them."""
        rows = self._db.all(_DO_NOT_ERASE, {"account": account, "ids": self._db.ids(tasks)})
        return [TaskId(row[0]) for row in rows]

    def due_for_erasing(self, now_ms: int, limit: int) -> Sequence[TaskId]:
        """Tasks of all accounts: the first of each, then the second of each."""
        return [TaskId(row[0]) for row in self._db.all(_DUE, {"now_ms": now_ms, "limit": limit})]
