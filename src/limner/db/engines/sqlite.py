"""The store on SQLite: one writer thread with group commit, two reader threads beside it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from limner.db.engines.batch_threads import Batch, BatchThreads, Job, Outcome
from limner.db.engines.commit import Committed, committed
from limner.db.engines.turns import BatchOfOneAccount
from limner.db.records import Records, with_changes
from limner.db.sql import Db, StatementCount
from limner.db.store import StoreUnavailable
from limner.ports.signals import OnTasksChanged, ignore_task_changes

T = TypeVar("T")

# FULL: an answered request survives a power cut. The busy timeout is for the command line, which may write to the same
# file while a server runs. secure_delete overwrites what is deleted, which `erase` promises.
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 20000",
    "PRAGMA cache_size = -16384",
    "PRAGMA secure_delete = ON",
)

READERS = 2
"""Threads that read. The units of one account run one after the other, so that a long one of it leaves a thread."""

_WAL_TRIES = 100

_SYNCED, _UNSYNCED = 0, 1
"""The writer's handlers."""

_UNAVAILABLE = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    }
)
"""Errors of the file and of its lock, not of the statement."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: every transaction begins and ends with a statement."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    _switch_to_wal(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to WAL. The switch does not wait for the busy timeout, so several first starts repeat it."""
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
    Units whose callers do not wait for an fsync have batches of their own.
    `on_tasks_changed` is called in the event loop after each commit that changed tasks.
    """

    def __init__(
        self,
        path: Path,
        on_tasks_changed: OnTasksChanged = ignore_task_changes,
        *,
        statements: StatementCount | None = None,
    ) -> None:
        self._on_tasks_changed = on_tasks_changed
        writer = _Connection(path, statements)
        self._writer = BatchThreads("limner-writer", (_Batches(writer, _write), _Batches(writer, _write_unsynced)))
        readers = [(_Batches(_Connection(path, statements), _read),) for _ in range(READERS)]
        self._readers = BatchThreads("limner-reader", *readers, rule=BatchOfOneAccount)

    async def run(self, work: Callable[[Records], T]) -> T:
        outcome: asyncio.Future[Committed[T]] = self._writer.submit(with_changes(work), _SYNCED)
        return await committed(outcome, self._on_tasks_changed)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        outcome: asyncio.Future[Committed[T]] = self._writer.submit(with_changes(work), _UNSYNCED)
        return await committed(outcome, self._on_tasks_changed)

    async def read(self, work: Callable[[Records], T]) -> T:
        result: T = await self._readers.submit(work)
        return result

    async def close(self) -> None:
        await self._writer.close()
        await self._readers.close()


class _Connection:
    """One connection, opened by the thread that uses it and opened anew after an error."""

    def __init__(self, path: Path, statements: StatementCount | None) -> None:
        self._path = path
        self._statements = statements
        self._opened: tuple[sqlite3.Connection, Records] | None = None

    def open(self) -> tuple[sqlite3.Connection, Records]:
        if self._opened is None:
            connection = connect(self._path)
            self._opened = connection, Records(Db(connection, is_sqlite=True, statements=self._statements))
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None


@dataclass(frozen=True, slots=True)
class _Batches:
    connection: _Connection
    perform: Callable[[sqlite3.Connection, Records, Batch], list[Outcome]]

    def __call__(self, batch: Batch) -> Sequence[Outcome]:
        try:
            return self.perform(*self.connection.open(), batch)
        except Exception as error:  # noqa: BLE001 - every caller that waits gets the error
            self.close()
            return [(future, None, _translated(error)) for _, future in batch.taken]

    def close(self) -> None:
        self.connection.close()


def _translated(error: BaseException) -> BaseException:
    """`StoreUnavailable` for an error of the file or its lock, any other error as it is."""
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.OperationalError) else None
    if code not in _UNAVAILABLE:
        return error
    translated = StoreUnavailable(str(error))
    translated.__cause__ = error
    return translated


def _write(connection: sqlite3.Connection, records: Records, batch: Batch) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = [_in_savepoint(connection, records, job) for job in batch]
    connection.execute("COMMIT")
    return outcomes


def _write_unsynced(connection: sqlite3.Connection, records: Records, batch: Batch) -> list[Outcome]:
    """The same without an fsync: in a WAL, that of the next batch makes these rows durable too.

    After an error the connection is closed, and the next one has its own setting.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
    outcomes = _write(connection, records, batch)
    connection.execute("PRAGMA synchronous = FULL")
    return outcomes


def _in_savepoint(connection: sqlite3.Connection, records: Records, job: Job) -> Outcome:
    work, future = job
    connection.execute("SAVEPOINT unit")
    try:
        outcome: Outcome = (future, work(records), None)
    except BaseException as error:
        if not connection.in_transaction:  # on a full disk, for one, SQLite rolls the whole batch back
            raise StoreUnavailable(str(error)) from error
        connection.execute("ROLLBACK TO unit")
        outcome = (future, None, _translated(error))
    connection.execute("RELEASE unit")
    return outcome


def _read(connection: sqlite3.Connection, records: Records, batch: Batch) -> list[Outcome]:
    """Each unit in a transaction of its own, so that it sees all that was committed before it was asked for."""
    return [_in_snapshot(connection, records, job) for job in batch]


def _in_snapshot(connection: sqlite3.Connection, records: Records, job: Job) -> Outcome:
    connection.execute("BEGIN")
    try:
        return _outcome(records, job)
    finally:
        connection.execute("COMMIT")


def _outcome(records: Records, job: Job) -> Outcome:
    work, future = job
    try:
        return future, work(records), None
    except BaseException as error:  # noqa: BLE001 - as above
        return future, None, _translated(error)
