"""Units of work: all or nothing, each for itself, durable when answered."""

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self

import pytest

from limner.db.engines.postgres import PostgresStore
from limner.db.open_store import SQLITE, open_store
from limner.db.records import Records
from limner.db.sql import Sql
from limner.db.store import USUAL_POOL
from limner.db.tables.accounts import Account
from limner.domain.ids import AccountId, TaskId
from limner.domain.tasks.task import Status, StatusChange
from limner.ports.acting_account import acting_for
from stores import ServiceHarness, no_op, on_postgres, raw_database

PROMISE = "SHOW synchronous_commit"
END_OF_IDLE = "SHOW idle_in_transaction_session_timeout"

SOON_S = 30.0
"""For what takes milliseconds."""


def account(name: str) -> Account:
    return Account(AccountId(f"id-{name}"), name, f"tag-{name}", 1)


def adding(name: str) -> Callable[[Records], str]:
    """Make a unit of work that adds an account."""

    def work(records: Records) -> str:
        records.accounts.add(account(name))
        return name

    return work


def add_then_fail(records: Records) -> None:
    records.accounts.add(account("undone"))
    raise ValueError("half-way")


async def names(service: ServiceHarness) -> list[str]:
    return [each.name for each in await service.store.read(lambda records: records.accounts.all())]


async def test_a_unit_of_work_gives_its_value_and_is_there_for_the_next_reader(service: ServiceHarness) -> None:
    answer = await service.store.run(adding("ada"))

    assert answer == "ada"
    assert await names(service) == ["ada"]


async def test_an_exception_undoes_the_unit_and_comes_back(service: ServiceHarness) -> None:
    with pytest.raises(ValueError, match="half-way"):
        await service.store.run(add_then_fail)

    assert await names(service) == []


async def test_one_failing_unit_among_many_hurts_no_other(service: ServiceHarness) -> None:
    units = [add_then_fail if n % 5 == 2 else adding(f"user-{n:02}") for n in range(40)]

    outcomes = await asyncio.gather(*(service.store.run(unit) for unit in units), return_exceptions=True)

    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, ValueError)]
    assert failed == list(range(2, 40, 5))
    assert await names(service) == [f"user-{n:02}" for n in range(40) if n not in failed]


async def test_a_unit_that_breaks_a_rule_of_the_database_hurts_no_other(service: ServiceHarness) -> None:
    def breaks_a_rule(records: Records) -> None:
        records.accounts.add(account("undone"))
        records.accounts.add(replace(account("undone"), name="another"))  # its id is taken

    units = [adding("twin"), adding("ada"), breaks_a_rule, adding("eve")]

    outcomes = await asyncio.gather(*(service.store.run(unit) for unit in units), return_exceptions=True)

    assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert await names(service) == ["ada", "eve", "twin"]


async def test_a_unit_that_runs_out_of_an_iterator_is_an_error_like_any_other(service: ServiceHarness) -> None:
    """A future cannot carry StopIteration, which must not leave the callers beside it waiting for ever."""

    def stops(records: Records) -> None:
        next(iter(()))

    outcomes = await asyncio.wait_for(
        asyncio.gather(service.store.run(stops), service.store.run(adding("ada")), return_exceptions=True), 20
    )

    assert isinstance(outcomes[0], RuntimeError)
    assert outcomes[1] == "ada"


async def test_a_unit_that_means_to_end_the_program_leaves_the_store_at_work(service: ServiceHarness) -> None:
    class LeavingError(BaseException):
        pass

    def leaves(records: Records) -> None:
        records.accounts.add(account("undone"))
        raise LeavingError

    with pytest.raises(LeavingError):
        await asyncio.wait_for(service.store.run(leaves), 60)

    assert await asyncio.wait_for(service.store.run(adding("ada")), 60) == "ada"
    assert await names(service) == ["ada"]


@pytest.mark.parametrize(
    ("url", "question", "answer"),
    [("sqlite", "PRAGMA synchronous", 2), ("sqlite", "PRAGMA journal_mode", "wal"), ("postgres", PROMISE, "on")],
    indirect=["url"],
)
def test_a_commit_is_on_the_disk_when_it_returns(url: str, question: str, answer: object) -> None:
    """No test can cut the power; it can ask for the promise: FULL is 2."""
    with raw_database(url) as db:
        assert db.all(Sql(question)) == [(answer,)]


@on_postgres
def test_a_host_that_is_gone_keeps_no_lock(url: str) -> None:
    """The server ends a transaction that waits for its client so long; units of work never wait between statements."""
    with raw_database(url) as db:
        assert db.all(Sql(END_OF_IDLE)) == [("10s",)]


def waits_for_the_disk(records: Records) -> bool:
    (answer,) = records._db.all(Sql("PRAGMA synchronous" if records._db.is_sqlite else PROMISE))
    return answer[0] in {2, "on"}


async def test_only_a_unit_that_asks_for_it_is_committed_without_waiting_for_the_disk(service: ServiceHarness) -> None:
    before = await service.store.run(waits_for_the_disk)
    unsynced = await service.store.run_unsynced(waits_for_the_disk)
    after = await service.store.run(waits_for_the_disk)

    assert (before, unsynced, after) == (True, False, True)


async def test_a_unit_after_a_failed_unsynced_one_waits_for_the_disk(service: ServiceHarness) -> None:
    with pytest.raises(ValueError, match="half-way"):
        await service.store.run_unsynced(add_then_fail)

    assert await service.store.run(waits_for_the_disk)
    assert await names(service) == []


async def test_an_unsynced_unit_is_there_for_the_next_reader_and_writer(service: ServiceHarness) -> None:
    assert await service.store.run_unsynced(adding("ada")) == "ada"

    assert await names(service) == ["ada"]
    assert await service.store.run(lambda records: [each.name for each in records.accounts.all()]) == ["ada"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_unit_that_waits_for_the_disk_does_not_share_the_batch_of_those_that_do_not(
    service: ServiceHarness,
) -> None:
    """PostgreSQL commits each by itself."""
    busy, may_go_on = threading.Event(), threading.Event()

    def occupies_the_thread(_records: Records) -> None:
        busy.set()
        assert may_go_on.wait(60)

    first = asyncio.ensure_future(service.store.run_unsynced(occupies_the_thread))
    await asyncio.to_thread(busy.wait, 60)
    later = [asyncio.ensure_future(service.store.run_unsynced(waits_for_the_disk)) for _ in range(3)]
    synced = asyncio.ensure_future(service.store.run(waits_for_the_disk))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    may_go_on.set()
    await first

    assert await asyncio.gather(*later) == [False] * 3
    assert await synced


async def test_a_unit_sees_what_it_wrote_itself(service: ServiceHarness) -> None:
    def write_and_read(records: Records) -> Account | None:
        records.accounts.add(account("ada"))
        return records.accounts.by_name("ada")

    assert await service.store.run(write_and_read) == account("ada")


async def test_a_reader_sees_one_state_from_beginning_to_end_while_others_write(service: ServiceHarness) -> None:
    looked, written = threading.Event(), threading.Event()

    def look_twice(records: Records) -> tuple[int, int]:
        before = len(records.accounts.all())
        looked.set()
        assert written.wait(60)
        return before, len(records.accounts.all())

    reading = asyncio.ensure_future(service.store.read(look_twice))
    assert await asyncio.to_thread(looked.wait, 20)
    await service.store.run(adding("ada"))
    written.set()

    assert await reading == (0, 0)
    assert await names(service) == ["ada"]


async def test_readers_go_on_while_a_unit_takes_its_time(service: ServiceHarness) -> None:
    inside, may_end = threading.Event(), threading.Event()

    def slow(records: Records) -> None:
        records.accounts.add(account("slow"))
        inside.set()
        assert may_end.wait(60)

    writing = asyncio.ensure_future(service.store.run(slow))
    assert await asyncio.to_thread(inside.wait, 20)
    seen_meanwhile = await asyncio.wait_for(names(service), 60)
    may_end.set()
    await writing

    assert seen_meanwhile == []
    assert await names(service) == ["slow"]


async def test_a_caller_who_goes_away_takes_nobody_along(service: ServiceHarness) -> None:
    leaving = asyncio.ensure_future(service.store.run(adding("perhaps")))
    staying = asyncio.ensure_future(service.store.run(adding("ada")))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying == "ada"
    assert "ada" in await names(service)


async def test_a_unit_of_work_is_carried_out_although_its_caller_was_cancelled(service: ServiceHarness) -> None:
    """It may hold the handle of a job that is paid for."""
    became: list[StatusChange] = []
    store = open_store(service.url, became.extend, local_clock=True)
    all_busy, may_go_on = (
        threading.Barrier(2 if service.url.startswith(SQLITE) else USUAL_POOL.connections + 1),
        threading.Event(),
    )

    def occupies_a_thread(records: Records) -> None:
        all_busy.wait(60)
        assert may_go_on.wait(60)

    def buys(records: Records) -> None:
        records.accounts.add(account("bought"))
        records.events.add(AccountId("id-bought"), TaskId("task"), Status.RUNNING, 1)

    busy = [asyncio.ensure_future(store.run(occupies_a_thread)) for _ in range(all_busy.parties - 1)]
    await asyncio.to_thread(all_busy.wait, 20)
    leaving = asyncio.ensure_future(store.run(buys))
    await asyncio.sleep(0)
    leaving.cancel()
    may_go_on.set()
    outcomes = await asyncio.gather(*busy, leaving, return_exceptions=True)
    await store.close()

    assert isinstance(outcomes[-1], asyncio.CancelledError)
    assert await service.query("SELECT name FROM accounts") == [("bought",)]
    assert [change.status for change in became] == [Status.RUNNING]


async def test_a_unit_of_work_does_not_wait_for_work_on_files(service: ServiceHarness) -> None:
    """That fills asyncio's own threads, as an upload or a picture does."""
    may_go_on = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    writing = loop.run_in_executor(None, may_go_on.wait, 20)
    answer = await service.store.run(adding("ada"))
    found = await names(service)
    may_go_on.set()

    assert await writing
    assert (answer, found) == ("ada", ["ada"])


async def test_closing_finishes_what_was_handed_in(service: ServiceHarness) -> None:
    handed_in = [asyncio.ensure_future(service.store.run(adding(f"user-{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await service.store.close()

    assert await asyncio.gather(*handed_in) == [f"user-{n}" for n in range(20)]
    assert await service.query("SELECT count(*) FROM accounts") == [(20,)]


async def test_accounts_take_turns_however_much_one_of_them_asks_for(service: ServiceHarness) -> None:
    threads = 1 if service.url.startswith(SQLITE) else USUAL_POOL.connections
    all_busy, may_go_on, order = threading.Barrier(threads + 1), threading.Event(), deque[str]()

    def occupies_a_thread(_records: Records) -> None:
        all_busy.wait(60)
        assert may_go_on.wait(60)

    def submitted(name: str) -> "asyncio.Future[None]":
        with acting_for(name):
            return asyncio.ensure_future(service.store.run(lambda _records: order.append(name)))

    busy = [asyncio.ensure_future(service.store.run(occupies_a_thread)) for _ in range(threads)]
    await asyncio.to_thread(all_busy.wait, 60)
    waiting = [submitted("greedy") for _ in range(300)]
    await asyncio.sleep(0)
    waiting.append(submitted("quiet"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(*busy, *waiting)

    assert order.index("quiet") <= 2 * threads


class Occupied:
    """Units of work of one account that end when the block does, as those do that wait for a row or read for long."""

    def __init__(self) -> None:
        self._may_end = threading.Event()
        self._units: list[asyncio.Future[bool]] = []

    def begin(self, run: Callable[[Callable[[Records], bool]], Coroutine[Any, Any, bool]], many: int) -> None:
        with acting_for("loud"):
            self._units += [
                asyncio.ensure_future(run(lambda _records: self._may_end.wait(2 * SOON_S))) for _ in range(many)
            ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._may_end.set()
        assert all(await asyncio.gather(*self._units))


async def test_reads_of_one_account_that_take_long_leave_a_thread_to_others(service: ServiceHarness) -> None:
    async with Occupied() as loud:
        loud.begin(service.store.read, 3 * USUAL_POOL.connections)
        await asyncio.sleep(0)

        for _ in range(5):
            with acting_for("quiet"):
                assert await asyncio.wait_for(names(service), SOON_S) == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_units_of_one_account_that_wait_for_a_row_leave_threads_to_others(service: ServiceHarness) -> None:
    """SQLite has one writer, which waits for nobody. A thread that was free the first times is not so in the end."""
    async with Occupied() as loud:
        loud.begin(service.store.run, 3 * USUAL_POOL.connections)
        await asyncio.sleep(0)

        for number in range(2 * USUAL_POOL.connections):
            with acting_for("quiet"):
                added = service.store.run(adding(f"quiet-{number}"))
                assert await asyncio.wait_for(added, SOON_S) == f"quiet-{number}"


async def test_an_answer_does_not_wait_for_the_long_read_of_another_account(service: ServiceHarness) -> None:
    """Which begins after it, in the same thread."""
    async with Occupied() as loud:
        with acting_for("quiet"):
            quiet = asyncio.ensure_future(names(service))
        loud.begin(service.store.read, 1)

        assert await asyncio.wait_for(quiet, SOON_S) == []


async def test_a_read_does_not_wait_for_the_long_one_that_was_asked_for_in_the_same_moment(
    service: ServiceHarness,
) -> None:
    async with Occupied() as loud:
        loud.begin(service.store.read, 1)
        with acting_for("quiet"):
            quiet = asyncio.ensure_future(names(service))

        assert await asyncio.wait_for(quiet, SOON_S) == []


async def test_a_closed_store_refuses_to_pretend(service: ServiceHarness) -> None:
    await service.store.close()

    with pytest.raises(RuntimeError):
        await service.store.run(no_op)


@on_postgres
async def test_a_unit_whose_connection_was_cut_is_run_again(service: ServiceHarness) -> None:
    tries = 0

    def cut_once(records: Records) -> int:
        nonlocal tries
        tries += 1
        records.accounts.add(account("ada"))
        if tries == 1:
            cut_connections(service.url)
        records.accounts.all()
        return tries

    assert await service.store.run(cut_once) == 2
    assert await names(service) == ["ada"]


@on_postgres
async def test_units_that_lock_each_other_out_are_run_again(service: ServiceHarness) -> None:
    await service.store.run(adding("ada"))
    await service.store.run(adding("eve"))
    both_inside = threading.Barrier(2)
    tries = 0

    def in_order(first: str, second: str) -> Callable[[Records], None]:
        def work(records: Records) -> None:
            nonlocal tries
            tries += 1
            records.accounts.set_slots(AccountId(f"id-{first}"), "image", 1)
            if tries <= 2:
                both_inside.wait(60)
            records.accounts.set_slots(AccountId(f"id-{second}"), "image", 2)

        return work

    await asyncio.gather(service.store.run(in_order("ada", "eve")), service.store.run(in_order("eve", "ada")))

    assert tries == 3
    assert sorted(await service.query("SELECT cap FROM buckets")) == [(1,), (2,)]


def cut_connections(url: str) -> None:
    """End every other connection to this database, as a restart of the server does."""
    with raw_database(url) as db:
        db.all(
            Sql("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
        )


@on_postgres
async def test_a_close_that_is_cancelled_still_closes_every_connection(url: str) -> None:
    store = PostgresStore(url)
    begun, may_go_on = threading.Event(), threading.Event()

    def waits(_records: Records) -> None:
        begun.set()
        assert may_go_on.wait(60)

    working = asyncio.create_task(store.run(waits))
    await asyncio.to_thread(begun.wait, 60)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    may_go_on.set()
    await working

    await asyncio.get_running_loop().shutdown_default_executor()

    assert [connection.closed for connection in store._open] == [True]


async def test_a_read_sees_what_was_committed_before_it_was_asked_for(service: ServiceHarness) -> None:
    """Also where an earlier read, which saw less, is still under way."""
    key = await service.open_account()
    task, since_ms = TaskId(str(uuid.uuid4())), 0
    begun, go = threading.Event(), threading.Event()

    def bound(records: Records) -> TaskId | None:
        return records.idempotency.bound(key.account, "a key", "d", since_ms)

    def slow(records: Records) -> TaskId | None:
        found = bound(records)
        begun.set()
        go.wait(60)
        return found

    earlier = asyncio.ensure_future(service.store.read(slow))
    await asyncio.to_thread(begun.wait, 60)
    await service.store.run(lambda records: records.idempotency.rebind(key.account, "a key", "d", task, 1))
    later = asyncio.ensure_future(service.store.read(bound))
    for _ in range(5):  # until it waits behind the earlier one
        await asyncio.sleep(0)
    go.set()

    assert (await earlier, await later) == (None, task)
