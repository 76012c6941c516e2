"""The store on PostgreSQL: a pool of threads, each unit of work a transaction; the server groups the commits."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError

from limner.db.records import SqlRecords
from limner.domain.backoff import full_jitter_s
from limner.ports.records import Records

T = TypeVar("T")

_SERIALIZATION_FAILURE = "40001"
_DEADLOCK = "40P01"
_TRIES = 6


def postgres_engine(url: str, threads: int) -> Engine:
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=threads,
        max_overflow=0,
        pool_pre_ping=False,
        connect_args={"options": "-c synchronous_commit=on", "connect_timeout": 10},
    )


class PostgresStore:
    """Units of work on a PostgreSQL database, side by side."""

    def __init__(self, url: str, *, threads: int = 8) -> None:
        self._engine = postgres_engine(url, threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="limner-postgres")

    async def run(self, work: Callable[[Records], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._perform, work)

    read = run

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _perform(self, work: Callable[[Records], T]) -> T:
        for attempt in range(_TRIES):
            try:
                return self._transact(work)
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _worth_repeating(error):
                    raise
                time.sleep(full_jitter_s(attempt, random.random(), base_s=0.02))  # noqa: S311 - spreads a crowd
        raise AssertionError("unreachable: the last try returns or raises")

    def _transact(self, work: Callable[[Records], T]) -> T:
        with self._engine.begin() as conn:
            return work(SqlRecords(conn))


def _worth_repeating(error: DBAPIError) -> bool:
    """Conflicts are repeated: the server undid the transaction. So is work whose statement met a dead connection.

    A COMMIT that broke is not a statement: SQLAlchemy raises it without one, and whether it was kept is unclear.
    """
    if getattr(error.orig, "sqlstate", None) in {_SERIALIZATION_FAILURE, _DEADLOCK}:
        return True
    return error.connection_invalidated and error.statement is not None
