"""The store on SQLite: one writer thread with group commit, one reader thread beside it."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from limner.db.batch import BatchThread, Job, Outcome
from limner.db.records import SqlRecords
from limner.db.sql import Db
from limner.ports.records import Records

T = TypeVar("T")

# FULL: an answered request is on the disk, power cut or not. The busy timeout is for the command line, which may
# write to the same file while a server runs.
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 20000",
    "PRAGMA cache_size = -16384",
)

_WAL_TRIES = 100


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are opened and closed in plain sight."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    _switch_to_wal(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Once in a file's life. Unlike a write it does not wait for others: of several first starts all but one fail."""
    for attempt in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.05)
        else:
            return


class SqliteStore:
    """Units of work on one SQLite file.

    The writer runs each waiting unit in a savepoint and commits them together: one fsync makes many requests durable.
    """

    def __init__(self, path: Path) -> None:
        self._writer = BatchThread("limner-writer", _Lane(path, _write))
        self._reader = BatchThread("limner-reader", _Lane(path, _read))

    async def run(self, work: Callable[[Records], T]) -> T:
        result: T = await self._writer.hand_in(work)
        return result

    async def read(self, work: Callable[[Records], T]) -> T:
        result: T = await self._reader.hand_in(work)
        return result

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


class _Lane:
    """One connection, opened by the thread that uses it and opened anew after trouble."""

    def __init__(
        self, path: Path, perform: Callable[[sqlite3.Connection, Records, Sequence[Job]], list[Outcome]]
    ) -> None:
        self._path = path
        self._perform = perform
        self._opened: tuple[sqlite3.Connection, Records] | None = None

    def __call__(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        try:
            connection, records = self._open()
            return self._perform(connection, records, batch)
        except Exception as error:  # noqa: BLE001 - whatever happened, everybody who waits must hear of it
            self.close()
            return [(future, None, error) for _, future in batch]

    def _open(self) -> tuple[sqlite3.Connection, Records]:
        if self._opened is None:
            connection = connect(self._path)
            self._opened = connection, SqlRecords(Db(connection, is_sqlite=True))
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None


def _write(connection: sqlite3.Connection, records: Records, batch: Sequence[Job]) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = [_in_savepoint(connection, records, job) for job in batch]
    connection.execute("COMMIT")
    return outcomes


def _in_savepoint(connection: sqlite3.Connection, records: Records, job: Job) -> Outcome:
    work, future = job
    connection.execute("SAVEPOINT unit")
    try:
        outcome: Outcome = (future, work(records), None)
    except BaseException as error:  # noqa: BLE001 - it belongs to the caller of this unit, the others go on
        connection.execute("ROLLBACK TO unit")
        outcome = (future, None, error)
    connection.execute("RELEASE unit")
    return outcome


def _read(connection: sqlite3.Connection, records: Records, batch: Sequence[Job]) -> list[Outcome]:
    connection.execute("BEGIN")
    try:
        return [_outcome(records, job) for job in batch]
    finally:
        connection.execute("COMMIT")


def _outcome(records: Records, job: Job) -> Outcome:
    work, future = job
    try:
        return future, work(records), None
    except BaseException as error:  # noqa: BLE001 - as above
        return future, None, error
