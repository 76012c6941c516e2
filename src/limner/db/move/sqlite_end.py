"""A SQLite file as the source or the target of a move."""

import contextlib
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Table

from limner.db.engines.sqlite import connect
from limner.db.move.end import MoveFailed, MoveRefused, columns_of
from limner.db.move.sums import Row
from limner.db.sql import Db
from limner.db.tables.library.prompt_index import last_indexed

_IN_USE = "another process has the database open"
_STOP_FIRST = "Stop `limner serve` and every `limner worker` on it, then try again."


class SqliteEnd:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        return f"SQLite at {self._path}"

    @property
    def db(self) -> Db:
        return Db(self._connection, is_sqlite=True)

    def hold(self) -> None:
        """In this mode SQLite locks the whole file, which fails while another connection is open to it."""
        if not self._path.exists():
            raise MoveRefused(f"there is no database at {self._path}", "Name the data folder with --data.")
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            connection.close()
            raise MoveRefused(f"{_IN_USE} ({error})", _STOP_FIRST) from error
        self._opened = connection

    def mark(self) -> str | None:
        if not self._path.exists():
            return None
        with contextlib.suppress(sqlite3.OperationalError):
            row = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
        return None

    def set_mark(self, mark: str) -> None:
        self._connection.execute("UPDATE alembic_version SET version_num = ?", (mark,))

    def is_empty(self) -> bool:
        if not self._path.exists():
            return True
        return not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def check(self) -> None:
        if not self._path.parent.is_dir():
            raise MoveRefused(f"there is no folder {self._path.parent}", "Make it, then try again.")

    def rows(self, table: Table) -> Generator[Row]:
        yield from self._connection.execute(f'SELECT {columns_of(table)} FROM "{table.name}"')

    def clear(self, tables: Sequence[Table]) -> None:
        with self._transaction():
            for table in reversed(tables):
                self._connection.execute(f'DELETE FROM "{table.name}"')

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        places = ", ".join("?" for _ in table.columns)
        statement = f'INSERT INTO "{table.name}" ({columns_of(table)}) VALUES ({places})'
        try:
            with self._transaction():
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise MoveFailed(f"table {table.name} cannot be written to SQLite: {error}") from error

    def last_number(self, table: Table) -> int:
        if (column := table.autoincrement_column) is None:
            return 0
        highest = f'SELECT coalesce(max("{column.name}"), 0) FROM "{table.name}"'
        given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
        return max(int(given[0]) if given else 0, int(self._connection.execute(highest).fetchone()[0]))

    def continue_after(self, table: Table, number: int) -> None:
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return  # the next number is the highest there plus one
        with self._transaction():
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def finish(self) -> None:
        with self._transaction():
            self._connection.execute("INSERT INTO prompt_index (prompt_index) VALUES ('delete-all')")
            self._connection.execute(
                "INSERT INTO prompt_index (rowid, words) SELECT number, words FROM prompt_words WHERE number <= ?",
                (last_indexed(self.db),),
            )
        self._connection.execute("ANALYZE")

    def close(self) -> None:
        if self._opened:
            self._opened.close()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(self._path)
        return self._opened

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
