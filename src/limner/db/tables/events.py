"""The feed of task events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, TaskId
from limner.domain.tasks.cursor import FeedCursor, cursor_from_recent
from limner.domain.tasks.task import Status, StatusChange, Task


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One change of a task's status."""

    number: int
    account: AccountId
    task: TaskId
    status: Status
    at_ms: int


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """A position in an account's history: after the event of this number at this time. Number 0 is before them all."""

    at_ms: int
    number: int = 0


_COLUMNS = "id, account, task, status, at_ms"
_ADD = Sql("INSERT INTO task_events (account, task, status, at_ms) VALUES (:account, :task, :status, :at_ms)")
_NEW = Sql(f"SELECT {_COLUMNS} FROM task_events WHERE id > :top ORDER BY id LIMIT :limit")
_LAST = Sql("SELECT id FROM task_events ORDER BY id DESC LIMIT :limit")
_OF_TASK = Sql(f"SELECT {_COLUMNS} FROM task_events WHERE task = :task AND id > :after ORDER BY id LIMIT :limit")
_OF_ACCOUNT_TEXT = f"""
    SELECT {_COLUMNS} FROM task_events e
    WHERE account = :account AND (at_ms, id) > (:at_ms, :number) {{which}}
    ORDER BY at_ms, id LIMIT :limit
"""
_OF_ACCOUNT = Sql(_OF_ACCOUNT_TEXT.format(which=""))
_NEWEST_OF_ACCOUNT = Sql(
    _OF_ACCOUNT_TEXT.format(
        which="AND NOT EXISTS (SELECT 1 FROM task_events later WHERE later.task = e.task AND later.id > e.id)"
    )
)

# For PostgreSQL only, where an event can become visible after one with a higher number. A transaction has its id before
# it writes an event, as it has written the task already.
_LATE = Sql(f"""
    SELECT {_COLUMNS} FROM task_events e
    JOIN unnest(CAST(:firsts AS BIGINT[]), CAST(:lasts AS BIGINT[])) AS gap(first, last)
      ON e.id BETWEEN gap.first AND gap.last
    ORDER BY id
""")
_OLDEST_OPEN = Sql("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)")
# The reader takes a transaction id itself: the upper end of its snapshot may be below open transactions.
_YOUNGER_THAN_ALL = Sql("SELECT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)")

GAP_SCAN = 1_000
"""How many of the last events a new reader of the feed checks for gaps."""


class EventTable:
    """The feed of task events: one row per change, in the transaction that makes it.

    The numbers of one task's events grow in the order of its changes. Those of the whole feed may become visible out of
    order: readers follow it with a `FeedCursor`, which returns late events too.
    """

    def __init__(self, db: Db) -> None:
        self._db = db
        self.written: list[StatusChange] = []
        """Changes written in this unit of work, for the signals that follow its commit."""

    def add(self, account: AccountId, task: TaskId, status: Status, now_ms: int) -> None:
        """Add an event. Write the task first: only then does a `FeedCursor` know that the transaction is open."""
        self._db.later(_ADD, {"account": account, "task": task, "status": status, "at_ms": now_ms})
        self.written.append(StatusChange(task, status))

    def add_all(self, tasks: Sequence[Task], now_ms: int) -> None:
        """Add an event for each of these tasks."""
        if tasks:
            self._db.many(
                _ADD,
                [{"account": each.account, "task": each.id, "status": each.status, "at_ms": now_ms} for each in tasks],
            )
            self.written.extend(StatusChange(each.id, each.status) for each in tasks)

    def end_of_feed(self) -> FeedCursor:
        """The cursor at the end of the feed: everything committed later comes after it."""
        numbers = [row[0] for row in reversed(self._db.all(_LAST, {"limit": GAP_SCAN}))]
        if self._db.has_one_writer:
            return FeedCursor(numbers[-1] if numbers else 0)
        base = numbers[0] - 1 if len(numbers) == GAP_SCAN else 0
        return cursor_from_recent(base, numbers, self._db.value(_YOUNGER_THAN_ALL, {}))

    def after_cursor(self, mark: FeedCursor, limit: int) -> tuple[Sequence[TaskEvent], FeedCursor]:
        """Events after the cursor, each once and at most `limit` of them, and the cursor to continue with."""
        if self._db.has_one_writer:
            events = self._after(mark.top, limit)
            return events, FeedCursor(events[-1].number) if events else mark
        # In this order: a transaction that was open before the rows were read is waited for.
        oldest = self._db.value(_OLDEST_OPEN, {})
        events = self._late(mark) + self._after(mark.top, limit)
        numbers = [event.number for event in events]
        until = self._db.value(_YOUNGER_THAN_ALL, {}) if mark.has_new_gaps(numbers) else 0
        return events, mark.advanced(numbers, oldest, until)

    def of_task(self, task: TaskId, after: int, limit: int) -> Sequence[TaskEvent]:
        """A task's events after this number, in order."""
        return self._events(_OF_TASK, task=task, after=after, limit=limit)

    def of_account(self, account: AccountId, after: FeedPosition, limit: int) -> Sequence[TaskEvent]:
        """An account's events after this point in time, in order."""
        return self._events(_OF_ACCOUNT, account=account, at_ms=after.at_ms, number=after.number, limit=limit)

    def newest_of_account(self, account: AccountId, after: FeedPosition, limit: int) -> Sequence[TaskEvent]:
        """As `of_account`, with only the newest event of each task."""
        return self._events(_NEWEST_OF_ACCOUNT, account=account, at_ms=after.at_ms, number=after.number, limit=limit)

    def _after(self, top: int, limit: int) -> list[TaskEvent]:
        return self._events(_NEW, top=top, limit=limit)

    def _late(self, mark: FeedCursor) -> list[TaskEvent]:
        if not mark.gaps:
            return []
        firsts, lasts = [gap.first for gap in mark.gaps], [gap.last for gap in mark.gaps]
        return self._events(_LATE, firsts=firsts, lasts=lasts)

    def _events(self, statement: Sql, **values: Any) -> list[TaskEvent]:
        rows = self._db.all(statement, values)
        return [
            TaskEvent(number, AccountId(a), TaskId(t), Status(status), at_ms) for number, a, t, status, at_ms in rows
        ]
