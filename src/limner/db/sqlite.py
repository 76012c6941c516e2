"""The store on SQLite: one writer thread with group commit, one reader thread beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from limner.db.batch import BatchThread, Job, Outcome
from limner.db.records import SqlRecords
from limner.ports.records import Records

T = TypeVar("T")

# FULL: an answered request is on the disk, power cut or not. The busy timeout is for the command line, which may
# write to the same file while a server runs.
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 20000",
    "PRAGMA cache_size = -16384",
)


def sqlite_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    return engine


class SqliteStore:
    """Units of work on one SQLite file.

    The writer runs each waiting unit in a savepoint and commits them together, so that one fsync makes many requests durable.
    The connections are in autocommit mode: the transaction is opened and closed in plain sight, below.
    """

    def __init__(self, path: Path) -> None:
        self._engine = sqlite_engine(path)
        self._writer = BatchThread("limner-writer", _Lane(self._engine, _write))
        self._reader = BatchThread("limner-reader", _Lane(self._engine, _read))

    async def run(self, work: Callable[[Records], T]) -> T:
        result: T = await self._writer.hand_in(work)
        return result

    async def read(self, work: Callable[[Records], T]) -> T:
        result: T = await self._reader.hand_in(work)
        return result

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()
        self._engine.dispose()


class _Lane:
    """One connection, opened by the thread that uses it."""

    def __init__(
        self, engine: Engine, perform: "Callable[[Connection, Records, Sequence[Job]], list[Outcome]]"
    ) -> None:
        self._engine = engine
        self._perform = perform
        self._opened: tuple[Connection, Records] | None = None

    def __call__(self, batch: Sequence[Job]) -> Sequence[Outcome]:
        try:
            conn, records = self._open()
            return self._perform(conn, records, batch)
        except Exception as error:  # noqa: BLE001 - whatever happened, everybody who waits must hear of it
            self._drop()
            return [(future, None, error) for _, future in batch]

    def _open(self) -> tuple[Connection, Records]:
        if self._opened is None:
            conn = self._engine.connect()
            self._opened = conn, SqlRecords(conn)
        return self._opened

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened[0].invalidate()
            self._opened[0].close()
            self._opened = None


def _write(conn: Connection, records: Records, batch: Sequence[Job]) -> list[Outcome]:
    conn.exec_driver_sql("BEGIN IMMEDIATE")
    outcomes = [_in_savepoint(conn, records, job) for job in batch]
    conn.exec_driver_sql("COMMIT")
    return outcomes


def _in_savepoint(conn: Connection, records: Records, job: Job) -> Outcome:
    work, future = job
    conn.exec_driver_sql("SAVEPOINT unit")
    try:
        outcome = (future, work(records), None)
    except Exception as error:  # noqa: BLE001 - it belongs to the caller of this unit, the others go on
        conn.exec_driver_sql("ROLLBACK TO unit")
        outcome = (future, None, error)
    conn.exec_driver_sql("RELEASE unit")
    return outcome


def _read(conn: Connection, records: Records, batch: Sequence[Job]) -> list[Outcome]:
    conn.exec_driver_sql("BEGIN")
    try:
        return [_unprotected(records, job) for job in batch]
    finally:
        conn.exec_driver_sql("COMMIT")


def _unprotected(records: Records, job: Job) -> Outcome:
    work, future = job
    try:
        return future, work(records), None
    except Exception as error:  # noqa: BLE001 - as above
        return future, None, error
