"""Which task's picture a task was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, BlobId, TaskId


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A picture of `parent` was a reference of `task`, at this field of the request."""

    task: TaskId
    field: str
    parent: TaskId


_ADD = Sql("INSERT INTO task_parents (task, field, parent) VALUES (:task, :field, :parent)")
_PARENTS = Sql("SELECT task, field, parent FROM task_parents WHERE task IN :ids ORDER BY task, field LIMIT :limit")
_CHILDREN = Sql("""
    SELECT task, field, parent FROM task_parents WHERE parent IN :ids ORDER BY task, field LIMIT :limit
""")
_MAKER = Sql("""
    SELECT t.id FROM blob_uses u JOIN tasks t ON t.id = u.holder
    WHERE u.blob = :blob AND u.kind = 'result' AND t.account = :account ORDER BY t.created_ms DESC, t.id DESC LIMIT 1
""")


class LineageTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, task: TaskId, parents: Mapping[str, TaskId]) -> None:
        """Record the parents of a new task, by the field of the request that they came in."""
        if parents:
            self._db.many(_ADD, [{"task": task, "field": name, "parent": each} for name, each in parents.items()])

    def maker_of(self, account: AccountId, blob: BlobId) -> TaskId | None:
        """The account's newest task that has these bytes as a result."""
        found = self._db.value(_MAKER, {"account": account, "blob": blob})
        return TaskId(found) if found else None

    def parents(self, tasks: Sequence[TaskId], limit: int) -> Sequence[LineageEdge]:
        return [LineageEdge(*row) for row in self._db.all(_PARENTS, {"ids": self._db.ids(tasks), "limit": limit})]

    def children(self, tasks: Sequence[TaskId], limit: int) -> Sequence[LineageEdge]:
        return [LineageEdge(*row) for row in self._db.all(_CHILDREN, {"ids": self._db.ids(tasks), "limit": limit})]
