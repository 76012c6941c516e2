"""On a full disk units roll back, raise `StoreUnavailable`, and succeed once there is space."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from limner.db.engines.sqlite import SqliteStore
from limner.db.migrate import migrate
from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.store import StoreUnavailable
from limner.db.tables.accounts import Account
from limner.domain.ids import AccountId

_FILL = Sql("INSERT INTO audit (at_ms, actor, act, subject, details) VALUES (1, 'a', 'b', 'c', :details)")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    await asyncio.to_thread(migrate, f"sqlite:///{tmp_path / 'limner.db'}")
    opened = SqliteStore(tmp_path / "limner.db")
    yield opened
    await opened.close()


def pages(records: Records) -> sqlite3.Connection:
    """The connection behind it all, whose file may be given a largest size."""
    connection: sqlite3.Connection = records.accounts._db._connection
    return connection


def fill_up(records: Records) -> None:
    """From now on the file cannot grow, as on a full disk."""
    used = pages(records).execute("PRAGMA page_count").fetchone()[0]
    pages(records).execute(f"PRAGMA max_page_count = {used}")


def make_room(records: Records) -> None:
    pages(records).execute("PRAGMA max_page_count = 1000000")


def adds(name: str, weight: int = 0) -> Callable[[Records], str]:
    def work(records: Records) -> str:
        records.accounts.add(Account(AccountId(f"id-{name}"), name, f"tag-{name}", 1))
        if weight:
            records.accounts._db.run(_FILL, {"details": "x" * weight})
        return name

    return work


async def names(store: SqliteStore) -> list[str]:
    return [each.name for each in await store.read(lambda records: records.accounts.all())]


async def test_a_unit_of_work_on_a_full_disk_is_undone_and_says_so(store: SqliteStore) -> None:
    await store.run(fill_up)

    with pytest.raises(StoreUnavailable, match="full"):
        await store.run(adds("ada", weight=1_000_000))

    assert await names(store) == []


async def test_when_there_is_room_again_all_goes_on(store: SqliteStore) -> None:
    await store.run(fill_up)
    with pytest.raises(StoreUnavailable):
        await store.run(adds("ada", weight=1_000_000))

    await store.run(make_room)
    await store.run(adds("ada", weight=1_000_000))

    assert await names(store) == ["ada"]


async def test_each_unit_of_a_batch_is_committed_or_raises(store: SqliteStore) -> None:
    await store.run(fill_up)
    units = [adds(f"user-{n:02}", weight=1_000_000 if n % 7 == 3 else 0) for n in range(30)]

    outcomes = await asyncio.gather(*(store.run(unit) for unit in units), return_exceptions=True)

    reported = [each for each in outcomes if isinstance(each, str)]
    assert {type(each) for each in outcomes if each not in reported} == {StoreUnavailable}
    assert sorted(await names(store)) == sorted(reported)


async def test_a_read_only_file_raises_store_unavailable(store: SqliteStore) -> None:
    await store.run(lambda records: pages(records).execute("PRAGMA query_only = ON"))

    with pytest.raises(StoreUnavailable, match="readonly"):
        await store.run(adds("ada"))


async def test_a_mistake_in_a_statement_is_a_mistake(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await store.run(lambda records: pages(records).execute("SELECT * FROM nowhere"))
