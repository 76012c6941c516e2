"""Lists of an account's tasks, newest first, in pages that begin where the one before ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from limner.db.sql import Db, Sql
from limner.db.tables.blobs import RESULT
from limner.db.tables.library.prompt_index import last_indexed, postgres_match, sqlite_match, sqlite_words
from limner.db.tables.tasks import COLUMNS, task_of
from limner.domain.ids import AccountId, BlobId
from limner.domain.tasks.listing import ListPosition, SearchPosition, TaskFilter, TimePosition
from limner.domain.tasks.task import Status, Task

_COLUMNS = ", ".join(f"t.{name}" for name in COLUMNS)

_BY_TIME = f"""
    SELECT {_COLUMNS} FROM tasks t WHERE {{conditions}}
    ORDER BY t.created_ms DESC, t.id DESC LIMIT :limit
"""
_BY_DAY = """
    SELECT t.created_ms / 86400000, COUNT(*) FROM tasks t WHERE {conditions} GROUP BY 1 ORDER BY 1 DESC
"""
# CROSS JOIN: SQLite then reads the index first, in order, and stops at the limit.
_SQLITE_SEARCH = f"""
    SELECT {_COLUMNS}, w.number FROM prompt_index
    CROSS JOIN prompt_words w ON w.number = prompt_index.rowid
    CROSS JOIN tasks t ON t.id = w.task
    WHERE prompt_index MATCH :match AND prompt_index.rowid < :before AND {{conditions}}
    ORDER BY prompt_index.rowid DESC LIMIT :limit
"""
_SQLITE_SEARCH_NEWEST = f"""
    SELECT {_COLUMNS}, w.number FROM prompt_words w CROSS JOIN tasks t ON t.id = w.task
    WHERE w.number > :indexed AND {{conditions}}
      AND NOT EXISTS (SELECT 1 FROM json_each(:words) WHERE instr(' ' || w.words || ' ', value) = 0)
    ORDER BY w.number DESC LIMIT :limit
"""
_POSTGRES_SEARCH = f"""
    SELECT {_COLUMNS}, w.number FROM prompt_words w JOIN tasks t ON t.id = w.task
    WHERE w.words @@ CAST(:match AS tsquery) AND {{conditions}}
    ORDER BY w.number DESC LIMIT :limit
"""

_OF_PICTURE = f"""
    SELECT {_COLUMNS} FROM blob_uses u CROSS JOIN tasks t
    WHERE u.blob = :blob AND u.kind = '{RESULT}' AND t.id = u.holder AND {{conditions}}
    ORDER BY u.holder DESC LIMIT :limit
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
        conditions = tuple(_conditions(filter_, after))
        if account is not None:
            conditions = ("t.account = :account", *conditions)
        if filter_.search:
            return self._search_page(filter_, conditions, values, limit)
        rows = self._db.all(_statement(_BY_TIME, conditions), values)
        tasks = [task_of(row) for row in rows[:limit]]
        more = len(rows) > limit
        return TaskPage(tasks, TimePosition(tasks[-1].created_ms, tasks[-1].id) if more else None)

    def days(self, account: AccountId, filter_: TaskFilter) -> Sequence[tuple[int, int]]:
        """The UTC days since 1970 that have tasks, newest first, each with their number. Words are not searched."""
        conditions = ("t.account = :account", *_conditions(filter_, None))
        return self._db.all(_statement(_BY_DAY, conditions), self._values(account, filter_, None))

    def of_picture(self, blob: BlobId, account: AccountId | None, limit: int) -> Sequence[Task]:
        """The newest tasks whose picture or preview these bytes are, of one account or of all."""
        conditions = ("t.account = :account",) if account is not None else ()
        values = {"blob": blob, "account": account, "limit": limit}
        return [task_of(row) for row in self._db.all(_statement(_OF_PICTURE, conditions), values)]

    def _search_page(
        self, filter_: TaskFilter, conditions: tuple[str, ...], values: dict[str, Any], limit: int
    ) -> TaskPage:
        search = self._sqlite_search if self._db.is_sqlite else self._postgres_search
        rows = search(filter_, conditions, values)
        shown = rows[:limit]
        more = len(rows) > limit
        return TaskPage([task_of(row[:-1]) for row in shown], SearchPosition(shown[-1][-1]) if more else None)

    def _sqlite_search(
        self, filter_: TaskFilter, conditions: tuple[str, ...], values: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        """The newest tasks, which are not indexed yet, and then what the index has."""
        words = self._db.ids(sqlite_words(values["account"], filter_.search))
        newest = values | {"indexed": last_indexed(self._db), "words": words}
        rows = self._db.all(_statement(_SQLITE_SEARCH_NEWEST, conditions), newest)
        if (missing := values["limit"] - len(rows)) > 0:
            match = sqlite_match(values["account"], filter_.search)
            rows += self._db.all(
                _statement(_SQLITE_SEARCH, conditions),
                values | {"match": match, "limit": missing, "before": values.get("after_number", _AFTER_ALL)},
            )
        return rows

    def _postgres_search(
        self, filter_: TaskFilter, conditions: tuple[str, ...], values: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        match = postgres_match(values["account"], filter_.search)
        return self._db.all(_statement(_POSTGRES_SEARCH, conditions), values | {"match": match})

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


_AFTER_ALL = 2**62


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


def _conditions(filter_: TaskFilter, after: ListPosition | None) -> Iterator[str]:
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
            yield "w.number < :after_number"
