"""Moving a database to the other kind: the same rows, sums and balances, also after an interruption."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from limner.db.migrate import HEAD, DatabaseMoved, current_mark, migrate
from limner.db.move.end import MoveFailed, MoveRefused
from limner.db.move.move import Moved, move, rehearse_move, reopen
from limner.db.open_store import SQLITE
from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.tables.library.listing import TaskPage
from limner.domain.ids import AccountId
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.search import search_terms
from postgres import Server
from stores import ServiceHarness, opened_store, raw_database

TASKS = 70
"""More than SQLite adds to its index of words at once."""

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of this test alone, which a move may mark."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path / "limner.db")
        return f"sqlite:///{tmp_path / 'limner.db'}"
    own: str = request.getfixturevalue("postgres_url")
    migrate(own)
    return own


@pytest.fixture
def target(url: str, tmp_path: Path, postgres_server: Server) -> Iterator[str]:
    """An empty database of the other kind."""
    if url.startswith("postgres"):
        yield f"sqlite:///{tmp_path / 'moved.db'}"
        return
    with postgres_server.database() as name:
        yield postgres_server.url(name)


def searched(account: AccountId, text: str, records: Records) -> TaskPage:
    return records.task_lists.page(account, TaskFilter(search=search_terms(text)), None, 1000)


async def fill(service: ServiceHarness) -> None:
    """Tasks in every state, and the gaps that erased rows leave."""
    key = await service.open_account(opening=10_000, limit=1000)
    for number in range(TASKS):
        await service.submit_task(key, prompt=f"a fox number{number:03} – 雪", idempotency_key=f"key {number}")
    claimed = await service.claim_tasks(limit=10)
    await asyncio.gather(*(service.write_intent(each.task.id) for each in claimed))
    await asyncio.gather(*(service.settle_task(each.task.id) for each in claimed[:5]))
    await service.execute_sql("DELETE FROM task_events WHERE id = (SELECT max(id) FROM task_events)")
    await service.store.close()


def moving(source: str, target: str, *, keep_source: bool = False) -> Moved:
    return move(source, target, keep_source=keep_source, on_table=lambda *_: None)


async def value(url: str, query: str) -> Any:
    return await asyncio.to_thread(_value, url, query)


def _value(url: str, query: str) -> Any:
    with raw_database(url) as db:
        return db.value(Sql(query), {})


async def test_all_rows_are_there_with_their_sums_and_balances(service: ServiceHarness, target: str) -> None:
    await fill(service)

    moved = await asyncio.to_thread(moving, service.url, target)

    assert moved.balances.accounts == 1
    assert (moved.balances.available, moved.balances.frozen) == (10_000 - TASKS * 5, (TASKS - 5) * 5)
    assert moved.balances.faults == ()
    assert moved.tables["tasks"].rows == TASKS
    assert await value(target, "SELECT count(*) FROM attempts") == 10
    assert await asyncio.to_thread(current_mark, target) == HEAD


async def test_what_was_moved_can_be_used_and_found(service: ServiceHarness, target: str) -> None:
    await fill(service)
    last_event = await value(service.url, "SELECT max(id) FROM task_events")
    await asyncio.to_thread(moving, service.url, target)

    async with opened_store(target) as store:
        there = ServiceHarness(store, target, service.folder, service.templates, service.blobs, clock=service.clock)
        [account] = await store.read(lambda records: records.accounts.all())
        key = (await there.accounts.create_key("ada", "second", ("generate", "read"))).key
        await there.submit_task(key, prompt="a badger")
        found = [
            len((await store.read(partial(searched, account.id, text))).tasks)
            for text in ("number003", "number069", "badger", "fox")
        ]

    assert found == [1, 1, 1, TASKS]
    assert await value(target, "SELECT max(id) FROM task_events") > last_event + 1  # a number is never given again


async def test_there_and_back_is_the_same(
    service: ServiceHarness, target: str, tmp_path: Path, postgres_server: Server
) -> None:
    await fill(service)
    there = await asyncio.to_thread(moving, service.url, target)

    with postgres_server.database() as name:
        end = postgres_server.url(name) if target.startswith(SQLITE) else f"sqlite:///{tmp_path / 'back.db'}"
        back = await asyncio.to_thread(moving, target, end)

    assert dict(back.tables) == dict(there.tables)
    assert back.balances == there.balances


@on_sqlite
@pytest.mark.parametrize("last", ["accounts", "tasks", "ledger"])
async def test_an_interrupted_move_goes_on(service: ServiceHarness, target: str, last: str) -> None:
    await fill(service)
    await asyncio.to_thread(interrupted, service.url, target, last)
    with pytest.raises(DatabaseMoved, match="not finished"):
        await asyncio.to_thread(migrate, target)

    became = dict[str, str]()
    moved = await asyncio.to_thread(
        move, service.url, target, keep_source=False, on_table=lambda name, _, how: became.update({name: how})
    )

    assert became[last] == "were there already"
    assert "moved" in became.values()
    assert moved.tables["tasks"].rows == TASKS
    assert await asyncio.to_thread(current_mark, target) == HEAD


@on_sqlite
async def test_what_changed_since_an_interruption_is_moved_anew(service: ServiceHarness, target: str) -> None:
    await fill(service)
    await asyncio.to_thread(interrupted, service.url, target, "ledger")
    async with opened_store(service.url) as store:
        await replace(service, store=store).accounts.grant("ada", 77, None)

    moved = await asyncio.to_thread(moving, service.url, target)

    assert moved.balances.available == 10_077 - TASKS * 5
    assert await value(target, "SELECT available FROM accounts") == moved.balances.available


class Interrupted(Exception):
    """Stands for Ctrl-C, which only the main thread gets."""


def interrupted(source: str, target: str, last: str) -> None:
    """Move as far as a table."""

    def stop(table: str, _rows: int, _became: str) -> None:
        if table == last:
            raise Interrupted

    with pytest.raises(Interrupted):
        move(source, target, keep_source=False, on_table=stop)


async def test_a_database_in_use_is_refused(service: ServiceHarness, target: str) -> None:
    await service.open_account()

    with pytest.raises(MoveRefused, match="the database"):
        await asyncio.to_thread(moving, service.url, target)


async def test_a_target_with_content_is_refused(service: ServiceHarness, target: str) -> None:
    await fill(service)
    await asyncio.to_thread(migrate, target)

    with pytest.raises(MoveRefused, match="the target has content"):
        await asyncio.to_thread(moving, service.url, target)


@on_sqlite
async def test_a_rehearsal_changes_nothing(service: ServiceHarness, target: str) -> None:
    await fill(service)

    rehearsed = await asyncio.to_thread(rehearse_move, service.url, target)

    assert await asyncio.to_thread(current_mark, target) is None
    assert await asyncio.to_thread(current_mark, service.url) == HEAD
    assert rehearsed.tables == (await asyncio.to_thread(moving, service.url, target)).tables


async def test_no_service_starts_on_what_was_moved_until_it_is_opened_again(
    service: ServiceHarness, target: str
) -> None:
    await fill(service)
    await asyncio.to_thread(moving, service.url, target)

    with pytest.raises(DatabaseMoved, match="moved away"):
        await asyncio.to_thread(migrate, service.url)
    with pytest.raises(MoveRefused, match="moved away"):
        await asyncio.to_thread(rehearse_move, service.url, target)

    assert await asyncio.to_thread(reopen, service.url)
    assert await asyncio.to_thread(migrate, service.url) == "current"
    assert not await asyncio.to_thread(reopen, service.url)


@on_sqlite
async def test_a_rehearsal_with_the_source_kept_leaves_it_usable(service: ServiceHarness, target: str) -> None:
    await fill(service)

    await asyncio.to_thread(lambda: moving(service.url, target, keep_source=True))

    assert await asyncio.to_thread(migrate, service.url) == "current"


@on_sqlite
async def test_a_row_that_the_target_does_not_take_is_named_and_moved_when_it_is_mended(
    service: ServiceHarness, target: str
) -> None:
    await fill(service)
    await service.execute_sql("UPDATE attempts SET detail = 'nul ' || char(0) || ' inside'")

    with pytest.raises(MoveFailed, match="table attempts cannot be written to PostgreSQL"):
        await asyncio.to_thread(moving, service.url, target)
    await service.execute_sql("UPDATE attempts SET detail = NULL")

    assert (await asyncio.to_thread(moving, service.url, target)).tables["attempts"].rows == 10


@on_sqlite
async def test_a_ledger_with_faults_is_not_moved(service: ServiceHarness, target: str) -> None:
    await fill(service)
    await service.execute_sql("UPDATE accounts SET available = available + 1")

    with pytest.raises(MoveRefused, match="the ledger has faults"):
        await asyncio.to_thread(moving, service.url, target)
