"""Units of work survive a restart of PostgreSQL."""

import asyncio
from typing import Any

import psycopg
import pytest

from limner.db.engines import postgres
from limner.db.engines.postgres import PostgresStore
from limner.db.migrate import migrate
from limner.db.store import PostgresPool, StoreUnavailable

REAL = postgres.connect


class StartingServer:
    """A server that refuses some connections before it is ready."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def __call__(self, url: str, *, pooled: bool) -> "psycopg.Connection[Any]":
        if self.refusals:
            self.refusals -= 1
            raise psycopg.OperationalError("the database system is starting up")
        return REAL(url, pooled=pooled)


async def test_a_unit_of_work_waits_for_a_server_that_is_starting(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(migrate, postgres_url)
    store = PostgresStore(postgres_url, pool=PostgresPool(1))
    monkeypatch.setattr(postgres, "connect", StartingServer(refusals=3))

    accounts = await store.run(lambda records: records.accounts.all())

    await store.close()
    assert accounts == []


async def test_a_unit_of_work_fails_when_there_is_no_server(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PostgresStore(postgres_url, pool=PostgresPool(1))
    monkeypatch.setattr(postgres, "connect", StartingServer(refusals=1000))

    with pytest.raises(StoreUnavailable, match="starting up"):
        await store.run(lambda records: records.accounts.all())

    await store.close()


async def test_an_answer_out_of_step_makes_a_new_connection(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PgBouncer gives to a COMMIT when its server is lost at that moment; whether it was committed is unknown."""
    await asyncio.to_thread(migrate, postgres_url)
    store = PostgresStore(postgres_url, pool=PostgresPool(1))
    confused = await store.read(lambda records: records.accounts._db._connection)

    def two_results() -> None:
        raise psycopg.InternalError("received 2 results from command 'COMMIT'")

    monkeypatch.setattr(confused, "commit", two_results)
    with pytest.raises(StoreUnavailable, match="2 results"):
        await store.run(lambda records: records.accounts.all())
    accounts = await store.run(lambda records: records.accounts.all())

    await store.close()
    assert confused.closed
    assert accounts == []
