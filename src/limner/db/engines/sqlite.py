"""The store on SQLite: one writer thread with group commit, one reader thread beside it."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from limner.db.engines.batch_thread import BatchThread, Job, Outcome
from limner.db.records import Records, noting
from limner.db.sql import Db
from limner.db.store import StoreUnavailable
from limner.ports.signals import OnTasksChanged, ignore_task_changes

T = TypeVar("T")

# FULL: an answered request is on the disk, power cut or not. The busy timeout is for the command line, which may
# write to the same file while a server runs. What is deleted is overwritten: to erase is a promise.
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 20000",
    "PRAGMA cache_size = -16384",
    "PRAGMA secure_delete = ON",
)

_WAL_TRIES = 100

_TROUBLE = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    }
)
"""What SQLite says of the file and of who else is at it."""


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

    def __init__(self, path: Path, told: OnTasksChanged = ignore_task_changes) -> None:
        self._told = told
        self._writer = BatchThread("limner-writer", _Lane(path, _write))
        self._reader = BatchThread("limner-reader", _Lane(path, _read))

    async def run(self, work: Callable[[Records], T]) -> T:
        result, became = await self._writer.hand_in(noting(work))
        if became:
            self._told(became)
        return cast("T", result)

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
            return [(future, None, _told(error)) for _, future in batch]

    def _open(self) -> tuple[sqlite3.Connection, Records]:
        if self._opened is None:
            connection = connect(self._path)
            self._opened = connection, Records(Db(connection, is_sqlite=True))
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None


def _told(error: BaseException) -> BaseException:
    """The error as the callers know it: the file's trouble is no fault of what they wanted to write."""
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.OperationalError) else None
    if code not in _TROUBLE:
        return error
    told = StoreUnavailable(str(error))
    told.__cause__ = error
    return told


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
    except BaseException as error:
        if not connection.in_transaction:  # of a full disk, for one, SQLite undoes all that was written together
            raise StoreUnavailable(str(error)) from error
        connection.execute("ROLLBACK TO unit")
        outcome = (future, None, _told(error))
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
        return future, None, _told(error)
