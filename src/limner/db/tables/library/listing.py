"""Lists of an account's tasks, newest first, in pages that begin where the one before ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from limner.db.sql import Db, Sql
from limner.db.tables.library.prompt_index import postgres_match, sqlite_match
from limner.db.tables.tasks import COLUMNS, task_of
from limner.domain.ids import AccountId
from limner.domain.tasks.listing import ListPosition, SearchPosition, TaskFilter, TimePosition
from limner.domain.tasks.task import Status, Task

_COLUMNS = ", ".join(f"t.{name}" for name in COLUMNS)

_BY_TIME = f"""
    SELECT {_COLUMNS} FROM tasks t WHERE {{conditions}}
    ORDER BY t.created_ms DESC, t.id DESC LIMIT :limit
"""
# CROSS JOIN: SQLite then reads the index first, in order, and stops at the limit.
_SQLITE_SEARCH = f"""
    SELECT {_COLUMNS}, w.number FROM prompt_index
    CROSS JOIN prompt_words w ON w.number = prompt_index.rowid
    CROSS JOIN tasks t ON t.id = w.task
    WHERE prompt_index MATCH :match AND {{conditions}}
    ORDER BY prompt_index.rowid DESC LIMIT :limit
"""
_POSTGRES_SEARCH = f"""
    SELECT {_COLUMNS}, w.number FROM prompt_words w JOIN tasks t ON t.id = w.task
    WHERE w.words @@ CAST(:match AS tsquery) AND {{conditions}}
    ORDER BY w.number DESC LIMIT :limit
"""

# Said as literals beside the parameter, they let the database use a partial index.
_PARTIAL = {
    frozenset({Status.FAILED, Status.BANNED, Status.EXPIRED, Status.CANCELLED}): (
        "t.status IN ('failed','banned','expired','cancelled')"
    ),
    frozenset({Status.QUEUED, Status.RUNNING}): "t.status IN ('queued','running')",
}


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks of a list; `next` is the position after the last one, None at the end of the list."""

    tasks: Sequence[Task]
    next: ListPosition | None


class TaskListQueries:
    def __init__(self, db: Db) -> None:
        self._db = db

    def page(self, account: AccountId | None, filter_: TaskFilter, after: ListPosition | None, limit: int) -> TaskPage:
        """At most `limit` tasks after a position, of one account or of all. A search goes with a `SearchPosition`."""
        values = self._values(account, filter_, after) | {"limit": limit + 1}
        conditions = tuple(_conditions(filter_, after, sqlite=self._db.is_sqlite))
        if account is not None:
            conditions = ("t.account = :account", *conditions)
        if filter_.search:
            return self._search_page(filter_, conditions, values, limit)
        rows = self._db.all(_statement(_BY_TIME, conditions), values)
        tasks = [task_of(row) for row in rows[:limit]]
        more = len(rows) > limit
        return TaskPage(tasks, TimePosition(tasks[-1].created_ms, tasks[-1].id) if more else None)

    def _search_page(
        self, filter_: TaskFilter, conditions: tuple[str, ...], values: dict[str, Any], limit: int
    ) -> TaskPage:
        match = sqlite_match if self._db.is_sqlite else postgres_match
        text = _SQLITE_SEARCH if self._db.is_sqlite else _POSTGRES_SEARCH
        rows = self._db.all(_statement(text, conditions), values | {"match": match(values["account"], filter_.search)})
        shown = rows[:limit]
        more = len(rows) > limit
        return TaskPage([task_of(row[:-1]) for row in shown], SearchPosition(shown[-1][-1]) if more else None)

    def _values(self, account: AccountId | None, filter_: TaskFilter, after: ListPosition | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "account": account,
            "model": filter_.model,
            "template": filter_.template,
            "statuses": self._db.ids(filter_.statuses),
            "since_ms": filter_.since_ms,
            "until_ms": filter_.until_ms,
            "key": filter_.key,
            "made_from": filter_.made_from,
        }
        match after:
            case TimePosition(created_ms, task):
                values |= {"after_ms": created_ms, "after_task": task}
            case SearchPosition(number):
                values |= {"after_number": number}
        return values


@lru_cache(maxsize=512)
def _statement(text: str, conditions: tuple[str, ...]) -> Sql:
    return Sql(text.format(conditions=" AND ".join(conditions) or "1 = 1"))


_CONDITIONS = {
    "model": "t.model = :model",
    "template": "t.template = :template",
    "statuses": "t.status IN :statuses",
    "since_ms": "t.created_ms >= :since_ms",
    "until_ms": "t.created_ms < :until_ms",
    "key": "t.api_key = :key",
    "made_from": "t.id IN (SELECT p.task FROM task_parents p WHERE p.parent = :made_from)",
}


def _conditions(filter_: TaskFilter, after: ListPosition | None, *, sqlite: bool) -> Iterator[str]:
    yield from (text for name, text in _CONDITIONS.items() if getattr(filter_, name) not in {None, ()})
    yield from (
        text for statuses, text in _PARTIAL.items() if filter_.statuses and statuses.issuperset(filter_.statuses)
    )
    if not filter_.unlisted:
        yield "t.listed = 1"
    if filter_.kept is not None:
        yield f"t.kept = {int(filter_.kept)}"
    match after:
        case TimePosition():
            yield "(t.created_ms, t.id) < (:after_ms, :after_task)"
        case SearchPosition():
            yield "prompt_index.rowid < :after_number" if sqlite else "w.number < :after_number"
