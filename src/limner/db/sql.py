"""Plain SQL on the drivers: statements written once, in the subset that SQLite and PostgreSQL share.

On the path of every request a statement costs what the driver costs and no more; SQLAlchemy keeps the schema and its
migrations. `docs/decisions/0003-plain-sql.md` has the figures.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

_NAME = re.compile(r"(?<![:\w]):(\w+)")
_LIST = re.compile(r"\bIN :(\w+)")


class Sql:
    """A statement in both dialects.

    `:name` is a value and `IN :name` a list of strings (pass it through `Db.ids`). At the end of a SELECT, `{locked}`
    locks the rows until the transaction ends, and `{skip_locked}` leaves out those that another transaction has locked.
    SQLite has one writer and locks no rows.
    """

    __slots__ = ("postgres", "sqlite")

    def __init__(self, text: str) -> None:
        unlocked = text.replace("{skip_locked}", "").replace("{locked}", "")
        locked = text.replace("{skip_locked}", "FOR UPDATE SKIP LOCKED").replace("{locked}", "FOR UPDATE")
        self.sqlite = _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", unlocked)
        listed = _LIST.sub(r"= ANY(:\1)", locked)
        self.postgres = _NAME.sub(r"%(\1)s", listed)


_SERVER_CLOCK = Sql("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")


class StatementCount:
    """Counts statements over the threads of a store. Taking the next number is one step, in which no count is lost."""

    __slots__ = ("_taken", "add")

    def __init__(self) -> None:
        self.add: Callable[[], int] = itertools.count().__next__
        self._taken = 0

    def take(self) -> int:
        """How many statements there were since the last call."""
        taken, self._taken = self._taken, self.add() + 1
        return self._taken - 1 - taken


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Executor(Protocol):
    """A connection or a cursor of either driver: `execute` returns the cursor of its rows."""

    def execute(self, query: Any, params: Any = ..., /) -> Any: ...


class DbConnection(Executor, Protocol):
    """What both drivers' connections have."""

    def cursor(self) -> Any: ...


class Db:
    """One connection and its SQL dialect."""

    __slots__ = ("_connection", "_count", "_executor", "_has_own_clock", "_is_sqlite")

    def __init__(
        self,
        connection: DbConnection,
        *,
        is_sqlite: bool,
        local_clock: bool = False,
        statements: StatementCount | None = None,
    ) -> None:
        self._count = (statements or StatementCount()).add
        self._connection = connection
        # psycopg keeps one cursor: a new one for each statement takes a third of its time. SQLite's would hold back the
        # end of a transaction where rows of a statement are left unread.
        self._executor: Executor = connection if is_sqlite else connection.cursor()
        self._is_sqlite = is_sqlite
        self._has_own_clock = not (is_sqlite or local_clock)

    @property
    def is_sqlite(self) -> bool:
        """For the few statements that the two databases do not share."""
        return self._is_sqlite

    @property
    def has_one_writer(self) -> bool:
        """Whether writing transactions run one after the other, so that their numbers become visible in order."""
        return self._is_sqlite

    def run(self, statement: Sql, values: Mapping[str, Any] | None = None) -> int:
        """Returns the number of rows changed."""
        return int(self._execute(statement, values or {}).rowcount)

    def many(self, statement: Sql, rows: Sequence[Mapping[str, Any]]) -> None:
        self._count()
        self._connection.cursor().executemany(self._text(statement), rows)

    def one(self, statement: Sql, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._execute(statement, values).fetchone()
        return row

    def all(self, statement: Sql, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._execute(statement, values or {}).fetchall()

    def value(self, statement: Sql, values: Mapping[str, Any]) -> Any:
        """The first column of the first row; None without a row."""
        row = self.one(statement, values)
        return row[0] if row else None

    def shared_now_ms(self, local_ms: int) -> int:
        """The time by which leases begin and end, the same for all processes.

        PostgreSQL's own: the clocks of its clients' hosts may differ. All users of a SQLite file share one machine and
        its clock: `local_ms`.
        """
        return int(self.value(_SERVER_CLOCK, {})) if self._has_own_clock else local_ms

    def ids(self, values: Sequence[str] | Sequence[int]) -> Any:
        """A list of strings or numbers as a value for `IN :name`."""
        return dump(list(values)) if self._is_sqlite else list(values)

    def _execute(self, statement: Sql, values: Mapping[str, Any]) -> Cursor:
        self._count()
        cursor: Cursor = self._executor.execute(self._text(statement), values)
        return cursor

    def _text(self, statement: Sql) -> str:
        return statement.sqlite if self._is_sqlite else statement.postgres


def dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def load(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)
