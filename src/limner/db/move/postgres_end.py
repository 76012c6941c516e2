"""A PostgreSQL database as the source or the target of a move."""

import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import dialect

from limner.db.engines.postgres import connect
from limner.db.move.end import MoveFailed, MoveRefused, columns_of
from limner.db.move.sums import Row
from limner.db.sql import Db

_OLDEST = 15
_CLOSING_S = 3.0
_FETCHED_AT_ONCE = 5000
_OTHERS = """
    SELECT coalesce(nullif(application_name, ''), 'unnamed'), coalesce(host(client_addr), 'this machine')
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend'
"""
_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
_HAS_MARKS = "SELECT to_regclass('alembic_version') IS NOT NULL"


class PostgresEnd:
    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._connection.prepare_threshold = None
        self._connection.execute("SET idle_in_transaction_session_timeout = 0")  # while the other database is busy
        self._connection.commit()

    @property
    def name(self) -> str:
        info = self._connection.info
        return f"PostgreSQL, database {info.dbname} on {info.host}"

    @property
    def db(self) -> Db:
        return Db(self._connection, is_sqlite=False)

    def hold(self) -> None:
        """One snapshot for all, and a lock on the mark, which every process reads when it starts."""
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if others := self._others():
            who = ", ".join(sorted({f"{name} from {host}" for name, host in others}))
            raise MoveRefused(
                f"{len(others)} other connections use the database: {who}",
                "Stop every `limner serve`, `limner worker` and pooler on it, then try again.",
            )
        if self._value(_HAS_MARKS):
            self._connection.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")

    def _others(self) -> list[tuple[str, str]]:
        """The other clients that are still there after a while: a session outlives its client by a moment."""
        until = time.monotonic() + _CLOSING_S
        while others := self._connection.execute(_OTHERS).fetchall():
            self._connection.rollback()
            if time.monotonic() > until:
                return others
            time.sleep(0.1)
        return []

    def mark(self) -> str | None:
        if not self._value(_HAS_MARKS):
            return None
        mark = self._value("SELECT version_num FROM alembic_version")
        return None if mark is None else str(mark)

    def set_mark(self, mark: str) -> None:
        self._connection.execute("UPDATE alembic_version SET version_num = %s", (mark,))
        self._connection.commit()

    def is_empty(self) -> bool:
        return not self._value(_TABLES)

    def check(self) -> None:
        version = self._connection.info.server_version // 10_000
        if version < _OLDEST:
            raise MoveRefused(f"the server is PostgreSQL {version}", f"Limner needs PostgreSQL {_OLDEST} or newer.")
        if self._value("SELECT pg_is_in_recovery()"):
            raise MoveRefused("the server is a standby, which takes no writes", "Name the primary's address.")

    def rows(self, table: Table) -> Generator[Row]:
        wanted = ", ".join(_read(column.name, column.type.compile(dialect())) for column in table.columns)  # type: ignore[no-untyped-call]
        with self._connection.cursor(name="limner_move") as cursor:
            cursor.itersize = _FETCHED_AT_ONCE
            yield from cursor.execute(f'SELECT {wanted} FROM "{table.name}"'.encode())

    def clear(self, tables: Sequence[Table]) -> None:
        if tables:
            names = ", ".join(f'"{table.name}"' for table in tables)
            self._connection.execute(f"TRUNCATE {names}".encode())
        self._connection.commit()

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        words = [column.name for column in table.columns].index("words") if table.name == "prompt_words" else None
        try:
            with self._connection.cursor() as cursor:
                statement = f'COPY "{table.name}" ({columns_of(table)}) FROM STDIN'
                with cursor.copy(statement.encode()) as copy:
                    for row in rows:
                        copy.write_row(row if words is None else _with_vector(row, words))
            self._connection.commit()
        except psycopg.Error as error:
            self._connection.rollback()
            where = " ".join(str(error).split())
            raise MoveFailed(f"table {table.name} cannot be written to PostgreSQL: {where}") from error
        except BaseException:
            self._connection.rollback()
            raise

    def last_number(self, table: Table) -> int:
        if (column := table.autoincrement_column) is None:
            return 0
        highest = f'SELECT coalesce(max("{column.name}"), 0) FROM "{table.name}"'
        given = self._value("SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, %s))", table.name, column.name)
        return max(int(given or 0), int(self._value(highest)))

    def continue_after(self, table: Table, number: int) -> None:
        column = table.autoincrement_column
        if column is not None and number:
            self._value("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", table.name, column.name, number)
            self._connection.commit()

    def finish(self) -> None:
        self._connection.commit()
        self._connection.autocommit = True
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.autocommit = False

    def close(self) -> None:
        self._connection.close()

    def _value(self, query: str, *values: Any) -> Any:
        row = self._connection.execute(query.encode(), values or None).fetchone()
        return row[0] if row else None


def _read(column: str, kind: str) -> str:
    return f"array_to_string(tsvector_to_array(\"{column}\"), ' ')" if kind == "TSVECTOR" else f'"{column}"'


def _with_vector(row: Row, at: int) -> list[Any]:
    values = list(row)
    values[at] = " ".join(f"'{word}'" for word in values[at].split())
    return values
