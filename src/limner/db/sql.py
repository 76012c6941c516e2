"""Plain SQL on the drivers: statements written once, in the subset that SQLite and PostgreSQL share.

On the path of every request a statement costs what the driver costs and no more; SQLAlchemy keeps the schema and its
migrations. `docs/decisions/0003-plain-sql.md` has the figures.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import orjson

_NAME = re.compile(r"(?<![:\w]):(\w+)")
_LIST = re.compile(r"\bIN :(\w+)")
_CLOCK = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Sql:
    """A statement in both dialects.

    `:name` is a value and `IN :name` a list of strings (pass it through `Db.ids`). At the end of a SELECT, `{locked}`
    locks the rows until the transaction ends, and `{skip_locked}` leaves out those that another transaction has locked.
    SQLite has one writer and locks no rows. `{shared_now_ms}` is the time of `Db.shared_now_ms`, read by the statement
    itself; its values have that of `Db.local_now`.
    """

    __slots__ = ("postgres", "sqlite")

    def __init__(self, text: str) -> None:
        unlocked = text.replace("{skip_locked}", "").replace("{locked}", "").replace("{shared_now_ms}", ":local_now_ms")
        locked = text.replace("{skip_locked}", "FOR UPDATE SKIP LOCKED").replace("{locked}", "FOR UPDATE")
        locked = locked.replace("{shared_now_ms}", f"coalesce(CAST(:local_now_ms AS BIGINT), {_CLOCK})")
        self.sqlite = _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", unlocked)
        listed = _LIST.sub(r"= ANY(:\1)", locked)
        self.postgres = _NAME.sub(r"%(\1)s", listed)


_SERVER_CLOCK = Sql(f"SELECT {_CLOCK}")


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

    __slots__ = ("_connection", "_count", "_executor", "_has_own_clock", "_is_sqlite", "_later")

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
        self._later: list[tuple[Sql, Mapping[str, Any]]] = []

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

    def later(self, statement: Sql, values: Mapping[str, Any]) -> None:
        """An INSERT, UPDATE or DELETE whose outcome nobody reads, before the next statement or the end of the unit.

        PostgreSQL gets those that follow each other as one statement, in one round trip. So they touch different rows,
        and none sees what another of them wrote. SQLite gets each at once.
        """
        if self._is_sqlite:
            self.run(statement, values)
        else:
            self._later.append((statement, values))

    def flush(self) -> None:
        """Send what `later` has put off: before a commit."""
        if self._later:
            postponed, self._later = self._later, []
            self._send(*_together(postponed))

    def discard(self) -> None:
        """Forget what `later` has put off: after a rollback."""
        self._later.clear()

    def many(self, statement: Sql, rows: Sequence[Mapping[str, Any]]) -> None:
        self.flush()
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

    def local_now(self, local_ms: int) -> Mapping[str, int | None]:
        """The value for a statement with `{shared_now_ms}`."""
        return {"local_now_ms": None if self._has_own_clock else local_ms}

    def ids(self, values: Sequence[str] | Sequence[int]) -> Any:
        """A list of strings or numbers as a value for `IN :name`."""
        return dump(list(values)) if self._is_sqlite else list(values)

    def _execute(self, statement: Sql, values: Mapping[str, Any]) -> Cursor:
        self.flush()
        return self._send(self._text(statement), values)

    def _send(self, text: str, values: Mapping[str, Any]) -> Cursor:
        self._count()
        cursor: Cursor = self._executor.execute(text, values)
        return cursor

    def _text(self, statement: Sql) -> str:
        return statement.sqlite if self._is_sqlite else statement.postgres


def _together(statements: Sequence[tuple[Sql, Mapping[str, Any]]]) -> tuple[str, Mapping[str, Any]]:
    """The text and the values of several statements as one for PostgreSQL."""
    if len(statements) == 1:
        [(statement, values)] = statements
        return statement.postgres, values
    text = _as_one(tuple(statement.postgres for statement, _ in statements))
    return text, {f"{name}_{n}": value for n, (_, values) in enumerate(statements) for name, value in values.items()}


@lru_cache(256)
def _as_one(texts: Sequence[str]) -> str:
    # The others run after the main statement, the last of the list first: as they are listed, they lock rows in the
    # order in which they were put off.
    first, *others = (_PLACEHOLDER.sub(rf"%(\1_{n})s", text) for n, text in enumerate(texts))
    return "WITH " + ", ".join(f"w{n} AS ({text})" for n, text in reversed(list(enumerate(others)))) + f" {first}"


def dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def load(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)
