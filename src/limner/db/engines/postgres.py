"""The store on PostgreSQL: a pool of threads, each with its connection; each unit of work is a transaction."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, TypeVar

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict

from limner.db.engines.batch_threads import carriable
from limner.db.engines.commit import Committed, committed
from limner.db.engines.fair_threads import FairThreads
from limner.db.records import Records, with_changes
from limner.db.sql import Db, StatementCount
from limner.db.store import USUAL_POOL, PostgresPool, StoreUnavailable
from limner.domain.routing.backoff import full_jitter_s
from limner.ports.signals import OnTasksChanged, ignore_task_changes

T = TypeVar("T")

log = structlog.get_logger()

_TRIES = 6

_UNAVAILABLE = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)
"""Errors of the server or the connection, not of the statement."""


class EncodingUnfit(RuntimeError):
    """The database cannot hold every text."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f"the PostgreSQL database has the encoding {encoding}, which does not hold every prompt: create another "
            "with CREATE DATABASE limner ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
        )


_SESSION = "SELECT current_setting('synchronous_commit'), current_setting('idle_in_transaction_session_timeout')"
_END_IDLE = (
    "idle_in_transaction_session_timeout is 0: ALTER DATABASE ... SET idle_in_transaction_session_timeout = '10s'"
)
_OPTIONS = "-c synchronous_commit=on -c idle_in_transaction_session_timeout=10s"
"""Commits are on disk when they return. Between two statements of a unit of work are milliseconds: a transaction that
is idle for seconds is that of a host which is gone, and it holds the lock of an account."""

_TCP: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 15,  # a server that vanished while it worked is noticed within half a minute
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # so is one that vanished before it got the statement
}
"""Unless the URL says otherwise."""


def connect(url: str, *, pooled: bool = False) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection whose commits are on the server's disk when they return.

    Through a pooler in transaction mode (`pooled`) each transaction may be another session's of the server: nothing is
    prepared, and what a session may set is not set but looked at. Raises `CommitsNotDurable` and `EncodingUnfit`.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    parameters: dict[str, Any] = _TCP | conninfo_to_dict(plain)
    if not pooled:
        return _of_texts(psycopg.connect(**parameters | {"options": _OPTIONS}))
    connection = _of_texts(psycopg.connect(**parameters, prepare_threshold=None))
    waits_for, idle = connection.execute(_SESSION).fetchone() or ("", "")
    connection.rollback()
    if waits_for == "off":
        connection.close()
        raise CommitsNotDurable(waits_for)
    if idle == "0":
        log.warning("locks of lost hosts are kept", trouble=_END_IDLE)
    return connection


def _of_texts(connection: "psycopg.Connection[tuple[Any, ...]]") -> "psycopg.Connection[tuple[Any, ...]]":
    if (encoding := connection.info.parameter_status("server_encoding")) not in {"UTF8", None}:
        connection.close()
        raise EncodingUnfit(encoding)
    return connection


class CommitsNotDurable(psycopg.OperationalError):
    """The database would confirm commits that a power cut may undo."""

    def __init__(self, setting: str) -> None:
        super().__init__(
            f"synchronous_commit is {setting} behind the pooler, so that a power cut would lose accepted tasks: "
            "ALTER DATABASE ... SET synchronous_commit = on"
        )


class PostgresStore:
    """Units of work on a PostgreSQL database, side by side; the server groups their commits, and accounts take turns.

    Each thread has its connection. One account may use half of them: most of its units lock its row, and wait for each
    other while they hold one.

    `on_tasks_changed` is called in the event loop after each commit that changed tasks. `local_clock` makes leases
    follow the caller's clock instead of the server's: for tests that move time by hand.
    """

    def __init__(
        self,
        url: str,
        on_tasks_changed: OnTasksChanged = ignore_task_changes,
        *,
        pool: PostgresPool = USUAL_POOL,
        local_clock: bool = False,
        statements: StatementCount | None = None,
    ) -> None:
        self._url = url
        self._pooled = pool.pooled
        self._on_tasks_changed = on_tasks_changed
        self._local_clock = local_clock
        self._statements = statements or StatementCount()
        self._threads = FairThreads(pool.connections, of_account=pool.connections // 2 or 1, name="limner-postgres")
        self._mine = threading.local()
        self._locked = threading.Lock()
        self._open: list[psycopg.Connection[Any]] = []

    async def run(self, work: Callable[[Records], T]) -> T:
        return await committed(self._in_thread(with_changes(work), None), self._on_tasks_changed)

    async def run_unsynced(self, work: Callable[[Records], T]) -> T:
        def unsynced(records: Records) -> Committed[T]:
            records.commit_unsynced()
            return with_changes(work)(records)

        return await committed(self._in_thread(unsynced, None), self._on_tasks_changed)

    async def read(self, work: Callable[[Records], T]) -> T:
        # One snapshot for all that the work reads, as on SQLite.
        return await self._in_thread(work, psycopg.IsolationLevel.REPEATABLE_READ)

    def _in_thread(self, work: Callable[[Records], T], isolation: psycopg.IsolationLevel | None) -> "asyncio.Future[T]":
        return asyncio.wrap_future(self._threads.submit(self._perform, work, isolation))

    async def close(self) -> None:
        """Wait for the units of work, then close the connections, in one thread, which a cancelled caller lets end."""
        # A cancelled call that no thread has begun yet would never run.
        await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(self._shut_down)))

    def _shut_down(self) -> None:
        self._threads.shutdown()
        with ExitStack() as closing:  # an error of one connection leaves none of the others open
            for connection in self._open:
                closing.callback(connection.close)

    def _perform(self, work: Callable[[Records], T], isolation: psycopg.IsolationLevel | None) -> T:
        for attempt in range(_TRIES):
            # None until there is a connection: the server may be starting.
            transaction: _Transaction | None = None
            try:
                connection = self._connection()
                transaction = _Transaction(connection, isolation, self._mine.records)
                return transaction.run(work)
            except psycopg.Error as error:
                if attempt == _TRIES - 1 or (transaction is not None and not transaction.worth_repeating(error)):
                    if isinstance(error, _UNAVAILABLE) or _is_out_of_step(error):
                        raise StoreUnavailable(str(error)) from error
                    raise
                time.sleep(full_jitter_s(attempt, random.random(), base_s=0.05))  # noqa: S311 - spreads the retries
        raise AssertionError("unreachable: the last try returns or raises")

    def _connection(self) -> "psycopg.Connection[Any]":
        mine: psycopg.Connection[Any] | None = getattr(self._mine, "connection", None)
        if mine is None or mine.closed:
            mine = self._mine.connection = connect(self._url, pooled=self._pooled)
            db = Db(mine, is_sqlite=False, local_clock=self._local_clock, statements=self._statements)
            self._mine.records = Records(db)
            with self._locked:
                self._open = [each for each in self._open if not each.closed] + [mine]
        return mine


def _is_out_of_step(error: BaseException) -> bool:
    """Whether the driver got answers that it did not ask for, as from a pooler that lost its server meanwhile."""
    return isinstance(error, psycopg.InternalError) and error.sqlstate is None


class _Transaction:
    """One try at a unit of work. It knows whether an error came before the commit, when a repeat is safe."""

    def __init__(
        self, connection: "psycopg.Connection[Any]", isolation: psycopg.IsolationLevel | None, records: Records
    ) -> None:
        self._connection = connection
        self._records = records
        self._connection.isolation_level = isolation
        self._committing = False

    def run(self, work: Callable[[Records], T]) -> T:
        try:
            result = work(self._records)
            self._records.flush()
            self._committing = True
            self._connection.commit()
        except BaseException as error:
            if _is_out_of_step(error):
                self._connection.close()
            self._undo()
            if isinstance(error, StopIteration):
                raise carriable(error) from error
            raise
        return result

    def worth_repeating(self, error: psycopg.Error) -> bool:
        """True for conflicts, which are rolled back, and for connections that broke before the commit was sent."""
        if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
            return True
        return self._connection.closed and not self._committing

    def _undo(self) -> None:
        self._records.discard()
        if not self._connection.closed:
            try:
                self._connection.rollback()
            except psycopg.Error:
                self._connection.close()
