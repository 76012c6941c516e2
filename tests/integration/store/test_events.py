"""The feed of what happens to tasks: every change is in it, and who follows it by its mark misses none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from limner.application.tasks.settle import settle
from limner.db.engines.postgres import connect
from limner.db.open_store import open_store
from limner.db.records import Records
from limner.db.tables.events import FeedPosition, TaskEvent
from limner.db.tables.keys import Key
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Refusal
from limner.domain.tasks.cursor import FeedCursor
from limner.domain.tasks.task import Status
from limner.worker.rescuer import expire_overdue
from stores import FAILED, SUCCEEDED, ServiceHarness

EVERYTHING = 1_000


async def tail(
    service: ServiceHarness, mark: FeedCursor, limit: int = EVERYTHING
) -> tuple[list[TaskEvent], FeedCursor]:
    events, moved = await service.store.read(lambda records: records.events.after_cursor(mark, limit))
    return list(events), moved


async def at_its_end(service: ServiceHarness) -> FeedCursor:
    return await service.store.read(lambda records: records.events.end_of_feed())


async def of(service: ServiceHarness, task: TaskId) -> list[TaskEvent]:
    return list(await service.store.read(lambda records: records.events.of_task(task, 0, EVERYTHING)))


def became(events: list[TaskEvent]) -> list[str]:
    return [event.status for event in events]


# --- what is in it ------------------------------------------------------------------------------------------------


async def test_every_change_of_a_task_is_an_event(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key)
    service.clock.pass_time(3)
    await service.claim_tasks()
    service.clock.pass_time(5)
    await service.settle_task(task)

    events = await of(service, task)
    assert became(events) == ["queued", "running", "success"]
    assert [event.at_ms - events[0].at_ms for event in events] == [0, 3000, 8000]
    assert {(event.account, event.task) for event in events} == {(key.account, task)}
    assert sorted(event.number for event in events) == [event.number for event in events]


async def test_being_taken_over_by_another_worker_is_no_change(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks("first")
    service.clock.pass_time(60)
    taken_over = await service.rescue_tasks("second")
    await service.settle_task(task, FAILED, owner="second")

    assert [each.task.id for each in taken_over] == [task]
    assert became(await of(service, task)) == ["queued", "running", "failed"]


async def test_ends_that_no_worker_brings_are_events_too(service: ServiceHarness) -> None:
    key = await service.open_account()
    cancelled, expired = await service.submit_task(key), await service.submit_task(key)
    await service.cancel(key.account, cancelled)
    service.clock.pass_time(3601)
    await expire_overdue(service.store, service.clock.now_ms())

    assert became(await of(service, cancelled)) == ["queued", "cancelled"]
    assert became(await of(service, expired)) == ["queued", "expired"]


async def test_what_is_undone_never_happened(service: ServiceHarness) -> None:
    key = await service.open_account(opening=5)
    await service.submit_task(key)
    before = await service.query("SELECT count(*) FROM task_events")

    with pytest.raises(Refusal):
        await service.submit_task(key)
    assert await service.settle_task(TaskId("00000000-0000-4000-8000-000000000000")) is None
    assert await service.query("SELECT count(*) FROM task_events") == before


async def test_the_events_of_a_task_are_read_from_a_number_on(service: ServiceHarness) -> None:
    key = await service.open_account()
    task, other = await service.submit_task(key), await service.submit_task(key)
    await service.claim_tasks()
    await service.settle_task(task)
    first, second, third = await of(service, task)

    assert await service.store.read(lambda records: records.events.of_task(task, first.number, 1)) == [second]
    assert await service.store.read(lambda records: records.events.of_task(task, third.number, 9)) == []
    assert became(await of(service, other)) == ["queued", "running"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_number_is_not_used_again_when_the_newest_events_are_gone(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_task(key)
    mark = await at_its_end(service)
    await service.execute_sql("DELETE FROM task_events")
    await service.submit_task(key)

    events, _ = await tail(service, mark)
    assert became(events) == ["queued"]


# --- an account's history -----------------------------------------------------------------------------------------


async def history(
    service: ServiceHarness, key: Key, after: FeedPosition, limit: int = EVERYTHING, *, newest: bool = False
) -> list[TaskEvent]:
    def read(records: Records) -> Any:
        events = records.events
        return (events.newest_of_account if newest else events.of_account)(key.account, after, limit)

    return list(await service.store.read(read))


async def test_an_account_s_history_begins_with_what_happened_at_that_time(service: ServiceHarness) -> None:
    key = await service.open_account()
    begun = service.clock.now_ms()
    early = await service.submit_task(key)
    service.clock.pass_time(1)
    late = await service.submit_task(key)

    def since(ms: int) -> Any:
        return history(service, key, FeedPosition(begun + ms))

    assert [event.task for event in await since(0)] == [early, late]
    assert [event.task for event in await since(1)] == [late]
    assert [event.task for event in await since(1000)] == [late]
    assert await since(1001) == []


async def test_an_account_s_history_comes_in_pages_that_fit_together(service: ServiceHarness) -> None:
    """All of it happened in the same millisecond: then the numbers tell what comes next."""
    key = await service.open_account(limit=100)
    tasks = [await service.submit_task(key) for _ in range(10)]
    await service.claim_tasks()

    pages, after = [], FeedPosition(0)
    while page := await history(service, key, after, 7):
        pages += page
        after = FeedPosition(page[-1].at_ms, page[-1].number)

    assert len(pages) == 20
    assert [event.task for event in pages[:10]] == tasks
    assert became(pages[10:]) == ["running"] * 10


async def test_the_newest_of_each_task_is_one_event(service: ServiceHarness) -> None:
    key = await service.open_account()
    done, running, waiting = (
        await service.submit_task(key),
        await service.submit_task(key),
        await service.submit_task(key),
    )
    await service.claim_tasks(limit=2)
    await service.settle_task(done)

    newest = {event.task: event.status for event in await history(service, key, FeedPosition(0), newest=True)}
    assert newest == {done: Status.SUCCESS, running: Status.RUNNING, waiting: Status.QUEUED}
    assert len(await history(service, key, FeedPosition(0), newest=True)) == 3


async def test_another_account_s_events_are_not_in_it(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    await service.submit_task(ada)

    assert len(await history(service, ada, FeedPosition(0))) == 1
    assert await history(service, eve, FeedPosition(0)) == []
    assert await history(service, eve, FeedPosition(0), newest=True) == []


# --- following it -------------------------------------------------------------------------------------------------


async def test_who_follows_reads_each_event_once(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    mark = await at_its_end(service)
    for _ in range(5):
        await service.submit_task(key)

    pages = []
    for _ in range(4):
        events, mark = await tail(service, mark, 2)
        pages.append(len(events))

    assert pages == [2, 2, 1, 0]
    assert await tail(service, mark) == ([], mark)


async def test_the_end_of_the_feed_is_after_what_is_there(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_task(key)
    mark = await at_its_end(service)
    later = await service.submit_task(key)

    events, _ = await tail(service, mark)
    assert [event.task for event in events] == [later]


async def test_while_many_write_a_follower_misses_nothing_and_repeats_nothing(service: ServiceHarness) -> None:
    keys = [await service.open_account(f"account-{n}", 100_000, limit=1000) for n in range(4)]
    mark, read = await at_its_end(service), []
    written = asyncio.Event()

    async def follow() -> None:
        nonlocal mark
        while not written.is_set():
            events, mark = await tail(service, mark, 7)
            read.extend(events)

    async def write(key: Key) -> None:
        for _ in range(20):
            await service.submit_task(key)
            for claimed in await service.claim_tasks(limit=2):
                await service.settle_task(claimed.task.id, SUCCEEDED)

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(write(key) for key in keys))
    written.set()
    await follower
    while (page := await tail(service, mark, 7))[0]:
        events, mark = page
        read += events

    kept = await service.query("SELECT id FROM task_events ORDER BY id")
    assert sorted(event.number for event in read) == [row[0] for row in kept]
    assert len(kept) > 160
    assert not mark.gaps


# --- numbers that come late: what only a server with many writers allows ------------------------------------------

pytest_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)


class Writer:
    """A transaction that stays open: it has written an event, and nobody sees it yet."""

    def __init__(self, connection: "psycopg.Connection[Any]", account: AccountId) -> None:
        self.connection = connection
        self.account = account

    def begin(self) -> int:
        return int(self._value("SELECT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)"))

    def write(self) -> int:
        facts = (self.account, f"late {id(self)}", "queued", 1)
        return int(
            self._value(
                "INSERT INTO task_events (account, task, status, at_ms) VALUES (%s,%s,%s,%s) RETURNING id", facts
            )
        )

    def _value(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        row = self.connection.execute(statement.encode(), values).fetchone()
        assert row
        return row[0]


@asynccontextmanager
async def writers(service: ServiceHarness, many: int) -> AsyncIterator[list[Writer]]:
    """As many connections of their own, each in a transaction."""
    connections = [await asyncio.to_thread(connect, service.url) for _ in range(many)]
    try:
        yield [Writer(each, AccountId("somebody")) for each in connections]
    finally:
        for each in connections:
            await asyncio.to_thread(each.close)


@pytest_postgres
@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_an_event_that_is_committed_after_a_later_one_is_read_all_the_same(
    service: ServiceHarness, end: str
) -> None:
    key = await service.open_account()
    mark = await at_its_end(service)
    async with writers(service, 1) as [late]:
        late.begin()
        number = await asyncio.to_thread(late.write)
        task = await service.submit_task(key)
        first, mark = await tail(service, mark)
        waiting = mark
        nothing, mark = await tail(service, mark)
        await asyncio.to_thread(getattr(late.connection, end))
        second, mark = await tail(service, mark)
        third, mark = await tail(service, mark)

    assert [event.task for event in first] == [task]
    assert first[0].number > number
    assert not waiting.covers(number)
    assert nothing == []
    assert [event.number for event in second] == ([number] if end == "commit" else [])
    assert third == []
    assert mark.covers(number)
    assert not mark.gaps


@pytest_postgres
async def test_a_transaction_younger_than_all_that_have_ended_is_waited_for(service: ServiceHarness) -> None:
    """A snapshot ends above the youngest transaction that has ended; one that is open may be above that end."""
    mark = await at_its_end(service)
    async with writers(service, 2) as [older, younger]:
        assert older.begin() < younger.begin()
        number = await asyncio.to_thread(younger.write)
        assert await asyncio.to_thread(older.write) > number
        await asyncio.to_thread(older.connection.commit)
        first, mark = await tail(service, mark)
        second, mark = await tail(service, mark)
        await asyncio.to_thread(younger.connection.commit)
        third, mark = await tail(service, mark)

    assert [len(first), len(second)] == [1, 0]
    assert [event.number for event in third] == [number]


@pytest_postgres
async def test_what_was_open_when_somebody_began_to_follow_is_read_too(service: ServiceHarness) -> None:
    key = await service.open_account()
    async with writers(service, 1) as [late]:
        late.begin()
        number = await asyncio.to_thread(late.write)
        await service.submit_task(key)
        mark = await at_its_end(service)
        await asyncio.to_thread(late.connection.commit)
        events, _ = await tail(service, mark)

    assert [event.number for event in events] == [number]


@pytest_postgres
async def test_the_events_of_one_task_are_never_late_among_themselves(service: ServiceHarness) -> None:
    """Each change of a task follows the commit of the one before, so its number does, too."""
    key = await service.open_account(limit=100)
    tasks = [await service.submit_task(key) for _ in range(30)]

    async def work(owner: str) -> None:
        while claimed := await service.claim_tasks(owner, 3):
            await asyncio.gather(*(service.settle_task(each.task.id, owner=owner) for each in claimed))

    await asyncio.gather(*(work(f"worker {n}") for n in range(6)))

    assert {tuple(became(await of(service, task))) for task in tasks} == {("queued", "running", "success")}


# --- who tells the others -----------------------------------------------------------------------------------------


@pytest.fixture
def notified() -> list[set[Status]]:
    return []


async def test_a_store_says_what_became_of_tasks_once_it_is_kept(
    service: ServiceHarness, notified: list[set[Status]]
) -> None:
    key = await service.open_account(opening=5)
    store = open_store(
        service.url, lambda became: notified.append({change.status for change in became}), local_clock=True
    )
    service.store = store
    task = await service.submit_task(key)
    with pytest.raises(Refusal):
        await service.submit_task(key)
    await service.claim_tasks()
    await service.settle_task(task)
    with pytest.raises(ZeroDivisionError):
        await store.run(lambda records: (settle(records, task, SUCCEEDED, 0, owner="nobody"), 1 / 0))
    await store.read(lambda records: records.events.end_of_feed())
    await store.close()

    assert notified == [{Status.QUEUED}, {Status.RUNNING}, {Status.SUCCESS}]
