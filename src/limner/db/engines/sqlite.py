"""The store on SQLite: one writer thread with group commit, two reader threads beside it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
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
    A batch that begins with a unit whose caller does not wait for the disk is committed without an fsync.
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
        self._writer = BatchThreads("limner-writer", _Batches(path, _write, statements))
        readers = [_Batches(path, _read, statements) for _ in range(READERS)]
        self._readers = BatchThreads("limner-reader", *readers, rule=BatchOfOneAccount)

    async def run(self, work: Callable[[Records], T]) -> T:
        outcome: asyncio.Future[Committed[T]] = self._writer.submit(with_changes(work))
        return await committed(outcome, self._on_tasks_changed)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        outcome: asyncio.Future[Committed[T]] = self._writer.submit(with_changes(work), synced=False)
        return await committed(outcome, self._on_tasks_changed)

    async def read(self, work: Callable[[Records], T]) -> T:
        result: T = await self._readers.submit(work)
        return result

    async def close(self) -> None:
        await self._writer.close()
        await self._readers.close()


class _Batches:
    """One connection, opened by the thread that uses it and opened anew after an error."""

    def __init__(
        self,
        path: Path,
        perform: Callable[[sqlite3.Connection, Records, Batch], list[Outcome]],
        statements: StatementCount | None,
    ) -> None:
        self._path = path
        self._perform = perform
        self._statements = statements
        self._opened: tuple[sqlite3.Connection, Records] | None = None

    def __call__(self, batch: Batch) -> Sequence[Outcome]:
        try:
            connection, records = self._open()
            return self._perform(connection, records, batch)
        except Exception as error:  # noqa: BLE001 - every caller that waits gets the error
            self.close()
            return [(job.future, None, _translated(error)) for job in batch.taken]

    def _open(self) -> tuple[sqlite3.Connection, Records]:
        if self._opened is None:
            connection = connect(self._path)
            self._opened = connection, Records(Db(connection, is_sqlite=True, statements=self._statements))
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None


def _translated(error: BaseException) -> BaseException:
    """`StoreUnavailable` for an error of the file or its lock, any other error as it is."""
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.OperationalError) else None
    if code not in _UNAVAILABLE:
        return error
    translated = StoreUnavailable(str(error))
    translated.__cause__ = error
    return translated


def _write(connection: sqlite3.Connection, records: Records, batch: Batch) -> list[Outcome]:
    if batch.synced:
        return _in_transaction(connection, records, batch)
    # In a WAL, the fsync of the next batch makes these rows durable too. After an error the connection is closed, and
    # the next one has its own setting.
    connection.execute("PRAGMA synchronous = NORMAL")
    outcomes = _in_transaction(connection, records, batch)
    connection.execute("PRAGMA synchronous = FULL")
    return outcomes


def _in_transaction(connection: sqlite3.Connection, records: Records, batch: Batch) -> list[Outcome]:
    connection.execute("BEGIN IMMEDIATE")
    outcomes = [_in_savepoint(connection, records, job) for job in batch]
    connection.execute("COMMIT")
    return outcomes


def _in_savepoint(connection: sqlite3.Connection, records: Records, job: Job) -> Outcome:
    connection.execute("SAVEPOINT unit")
    try:
        outcome: Outcome = (job.future, job.work(records), None)
    except BaseException as error:
        if not connection.in_transaction:  # on a full disk, for one, SQLite rolls the whole batch back
            raise StoreUnavailable(str(error)) from error
        connection.execute("ROLLBACK TO unit")
        outcome = (job.future, None, _translated(error))
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
    try:
        return job.future, job.work(records), None
    except BaseException as error:  # noqa: BLE001 - as above
        return job.future, None, _translated(error)
