"""The store on PostgreSQL: a pool of threads, each with its connection; each unit of work is a transaction."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from limner.db.engines.batch_thread import carriable
from limner.db.records import Records, noting
from limner.db.sql import Db
from limner.db.store import StoreUnavailable
from limner.domain.routing.backoff import full_jitter_s
from limner.ports.signals import OnTasksChanged, ignore_task_changes

T = TypeVar("T")

_TRIES = 6

_TROUBLE = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)
"""What the server says of itself, and not of what was asked."""


def connect(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection whose commits are on the server's disk when they return."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    return psycopg.connect(plain, options="-c synchronous_commit=on", connect_timeout=10)


class PostgresStore:
    """Units of work on a PostgreSQL database, side by side; the server groups their commits."""

    def __init__(self, url: str, told: OnTasksChanged = ignore_task_changes, *, threads: int = 8) -> None:
        self._url = url
        self._told = told
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="limner-postgres")
        self._mine = threading.local()
        self._open: list[psycopg.Connection[Any]] = []

    async def run(self, work: Callable[[Records], T]) -> T:
        result, became = await self._in_thread(noting(work), None)
        if became:
            self._told(became)
        return result

    async def read(self, work: Callable[[Records], T]) -> T:
        # One snapshot for all that the work looks at, as on SQLite.
        return await self._in_thread(work, psycopg.IsolationLevel.REPEATABLE_READ)

    async def _in_thread(self, work: Callable[[Records], T], isolation: psycopg.IsolationLevel | None) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._perform, work, isolation)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._open:
            await asyncio.to_thread(connection.close)

    def _perform(self, work: Callable[[Records], T], isolation: psycopg.IsolationLevel | None) -> T:
        for attempt in range(_TRIES):
            # None as long as no connection could be made: the server may be starting.
            transaction: _Transaction | None = None
            try:
                transaction = _Transaction(self._connection(), isolation)
                return transaction.run(work)
            except psycopg.Error as error:
                if attempt == _TRIES - 1 or (transaction is not None and not transaction.worth_repeating(error)):
                    if isinstance(error, _TROUBLE):
                        raise StoreUnavailable(str(error)) from error
                    raise
                time.sleep(full_jitter_s(attempt, random.random(), base_s=0.05))  # noqa: S311 - spreads a crowd
        raise AssertionError("unreachable: the last try returns or raises")

    def _connection(self) -> "psycopg.Connection[Any]":
        mine: psycopg.Connection[Any] | None = getattr(self._mine, "connection", None)
        if mine is None or mine.closed:
            mine = self._mine.connection = connect(self._url)
            self._open = [each for each in self._open if not each.closed] + [mine]
        return mine


class _Transaction:
    """One try at a unit of work. It knows whether a failure came before the commit, when a repeat is safe."""

    def __init__(self, connection: "psycopg.Connection[Any]", isolation: psycopg.IsolationLevel | None) -> None:
        self._connection = connection
        self._connection.isolation_level = isolation
        self._committing = False

    def run(self, work: Callable[[Records], T]) -> T:
        try:
            result = work(Records(Db(self._connection, is_sqlite=False)))
            self._committing = True
            self._connection.commit()
        except BaseException as error:
            self._undo()
            if isinstance(error, StopIteration):
                raise carriable(error) from error
            raise
        return result

    def worth_repeating(self, error: psycopg.Error) -> bool:
        """Conflicts, which the server has undone, and connections lost before the commit was sent."""
        if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
            return True
        return self._connection.closed and not self._committing

    def _undo(self) -> None:
        if not self._connection.closed:
            try:
                self._connection.rollback()
            except psycopg.Error:
                self._connection.close()
