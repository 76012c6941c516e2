"""Units of work survive a restart of PostgreSQL."""

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
    migrate(postgres_url)
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
