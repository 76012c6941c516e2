"""What processes that share a database tell each other, and that they hear each other again after a silence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from limner.db.engines.signals_postgres import CHANNEL, MOST_CANCELS, payloads, read
from limner.db.open_store import open_relay
from limner.domain.ids import TaskId
from limner.ports.signals import SignalHints, SignalRelay
from stores import ServiceHarness

TIMEOUT_S = 60

EVERYTHING = SignalHints(work=True, changes=True)
CANCEL = TaskId("6f1c2a34-9d6e-4c0b-8a51-2f7f0e6b9c10")

on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


class Ear:
    """The signals that one process received, in order."""

    def __init__(self, relay: SignalRelay) -> None:
        self.relay = relay
        self.received: asyncio.Queue[SignalHints] = asyncio.Queue()
        relay.start(self.received.put_nowait)

    async def next(self) -> SignalHints:
        return await asyncio.wait_for(self.received.get(), TIMEOUT_S)

    async def until(self, wanted: Callable[[SignalHints], bool]) -> SignalHints:
        """All that came up to the first that is wanted, in one."""
        together = SignalHints()
        while not wanted(together):
            together |= await self.next()
        return together


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ear]:
    ear = Ear(open_relay(url))
    try:
        yield ear
    finally:
        await asyncio.wait_for(ear.relay.close(), TIMEOUT_S)


@asynccontextmanager
async def speaking(url: str) -> AsyncIterator[SignalRelay]:
    relay = open_relay(url)
    try:
        yield relay
    finally:
        await asyncio.wait_for(relay.close(), TIMEOUT_S)


# --- on PostgreSQL ------------------------------------------------------------------------------------------------


@on_postgres
async def test_what_one_process_tells_the_others_hear(url: str) -> None:
    async with listening(url) as one, listening(url) as other, speaking(url) as relay:
        assert (await one.next(), await other.next()) == (EVERYTHING, EVERYTHING)
        relay.send(SignalHints(work=True))
        assert (await one.next(), await other.next()) == (SignalHints(work=True), SignalHints(work=True))
        relay.send(SignalHints(cancels=frozenset({CANCEL})))
        assert (await one.next(), await other.next()) == ((SignalHints(cancels=frozenset({CANCEL})),) * 2)


@on_postgres
async def test_a_process_does_not_hear_itself(url: str) -> None:
    async with listening(url) as one, listening(url) as other:
        await one.next()
        await other.next()
        one.relay.send(SignalHints(work=True))
        assert await other.next() == SignalHints(work=True)
        other.relay.send(SignalHints(changes=True))
        assert await one.next() == SignalHints(changes=True)


@on_postgres
async def test_what_is_reported_in_quick_succession_goes_out_together(service: ServiceHarness) -> None:
    ids = frozenset(TaskId(f"6f1c2a34-9d6e-4c0b-8a51-{n:012d}") for n in range(1000))
    async with listening(service.url) as ear, speaking(service.url) as relay:
        await ear.next()
        for each in ids:
            relay.send(SignalHints(work=True, cancels=frozenset({each})))
        received = await ear.until(lambda together: together.cancels == ids)
        relay.send(SignalHints(changes=True))
        last = await ear.next()

    assert received.work
    assert last == SignalHints(changes=True)
    assert ear.received.empty()


@on_postgres
async def test_what_is_reported_last_is_sent_before_the_relay_is_closed(url: str) -> None:
    async with listening(url) as ear:
        await ear.next()
        async with speaking(url) as relay:
            relay.send(SignalHints(cancels=frozenset({CANCEL})))
        assert await ear.next() == SignalHints(cancels=frozenset({CANCEL}))


@on_postgres
async def test_a_connection_that_is_ended_is_made_anew(service: ServiceHarness) -> None:
    async with listening(service.url) as ear, speaking(service.url) as relay:
        await ear.next()
        relay.send(SignalHints(work=True))
        await ear.next()
        ended = await end_connections(service)

        # It says that anything may have happened meanwhile, and goes on.
        assert await ear.next() == EVERYTHING
        relay.send(SignalHints(cancels=frozenset({CANCEL})))
        assert await ear.next() == SignalHints(cancels=frozenset({CANCEL}))
    assert ended == 2


async def end_connections(service: ServiceHarness) -> int:
    """End those that listen or notify, as an administrator or a restart does."""
    rows = await service.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND (position('LISTEN' IN query) > 0 OR position('pg_notify' IN query) > 0) AND pid <> pg_backend_pid()"
    )
    return len(rows)


@on_postgres
async def test_a_connection_that_cannot_be_made_keeps_nobody_from_closing(url: str) -> None:
    nowhere = url.replace("/test_", "/no_such_")
    async with listening(nowhere) as ear, speaking(nowhere) as relay:
        relay.send(SignalHints(work=True))
        await asyncio.sleep(0)
        assert ear.received.empty()


@on_postgres
async def test_what_somebody_else_says_on_the_channel_does_no_harm(service: ServiceHarness) -> None:
    async with listening(service.url) as ear:
        await ear.next()
        for payload in ("", "nonsense", "[]", '{"work":true}', '{"work":1,"news":0,"cancels":["\'; DROP"]}'):
            await service.query("SELECT pg_notify(:channel, :payload)", channel=CHANNEL, payload=payload)
        received = [await ear.next() for _ in range(5)]

    assert received == [EVERYTHING] * 4 + [SignalHints(work=True)]


def test_hints_go_into_notifications_that_are_small_enough() -> None:
    ids = [TaskId(f"6f1c2a34-9d6e-4c0b-8a51-{n:012d}") for n in range(2 * MOST_CANCELS + 1)]
    hints = SignalHints(work=True, changes=True, cancels=frozenset(ids))
    sent = payloads(hints)
    together = SignalHints()
    for each in sent:
        together |= read(each)

    assert len(sent) == 3
    assert max(len(each) for each in sent) < 8000
    assert together == hints
    assert [read(each) for each in payloads(SignalHints(changes=True))] == [SignalHints(changes=True)]


# --- on SQLite ----------------------------------------------------------------------------------------------------


@on_sqlite
async def test_each_process_sees_what_the_others_write(service: ServiceHarness) -> None:
    key = await service.open_account()
    async with listening(service.url) as ear:
        assert await ear.next() == EVERYTHING
        task = await service.submit_task(key)
        assert await ear.next() == SignalHints(work=True, changes=True)
        await service.claim_tasks()
        assert await ear.next() == SignalHints(changes=True)
        await service.cancel(key.account, task)
        assert await ear.next() == SignalHints(cancels=frozenset({task}))
        await service.settle_task(task)
        assert await ear.next() == SignalHints(changes=True)


@on_sqlite
async def test_a_cancel_is_reported_once_however_often_it_is_seen(service: ServiceHarness) -> None:
    key = await service.open_account()
    first, second = await service.submit_task(key), await service.submit_task(key)
    await service.claim_tasks()
    async with listening(service.url) as ear:
        assert await ear.next() == EVERYTHING
        await service.cancel(key.account, first)
        assert await ear.next() == SignalHints(cancels=frozenset({first}))
        await service.cancel(key.account, second)
        assert await ear.next() == SignalHints(cancels=frozenset({second}))


@on_sqlite
async def test_what_tells_nothing_of_tasks_is_not_news(service: ServiceHarness) -> None:
    key = await service.open_account()
    async with listening(service.url) as ear:
        assert await ear.next() == EVERYTHING
        await service.accounts.create("eve", 5)
        await service.submit_task(key)
        assert await ear.next() == SignalHints(work=True, changes=True)
        assert ear.received.empty()


def test_hints_add_up() -> None:
    one, other = SignalHints(work=True, cancels=frozenset({CANCEL})), SignalHints(changes=True)

    assert one | other == SignalHints(work=True, changes=True, cancels=frozenset({CANCEL}))
    assert not SignalHints()
    assert all((one, other, SignalHints(cancels=frozenset({CANCEL}))))
