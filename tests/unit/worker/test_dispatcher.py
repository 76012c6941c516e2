"""Taking tasks and seeing each through."""

import asyncio
import errno
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import StoppedClock, picture, silence
from limner.application.generation.disk_guard import REFUSAL_PAUSE_MS
from limner.application.generation.interrupt import Reason
from limner.db.store import StoreUnavailable
from limner.domain.accounts.credits import Balance
from limner.domain.tasks.task import Status
from limner.ports.blobs import StorageRefuses
from limner.ports.provider import Accepted, GenerationRequest
from stores import House
from unit.worker.conftest import Shop

Logged = list[MutableMapping[str, Any]]


async def test_what_is_claimed_is_seen_through_side_by_side(shop: Shop, logged: Logged) -> None:
    all_there = asyncio.Event()

    async def waits_for_the_others(order: GenerationRequest) -> Any:
        if len(shop.vendor.submits) == 3:
            all_there.set()
        await all_there.wait()
        return picture(order)

    shop.tells(*[waits_for_the_others] * 3)
    tasks = await shop.sends(3)

    assert await shop.claims()
    await shop.ends()

    assert {(await shop.task(task)).status for task in tasks} == {Status.SUCCESS}
    assert [entry["event"] for entry in logged] == ["task ended"] * 3


async def test_an_empty_queue_gives_nothing_to_do(shop: Shop) -> None:
    assert not await shop.claims()


async def test_no_more_is_taken_than_there_is_room_for(house: House) -> None:
    shop = Shop(house, await house.opens(limit=100), capacity=2)
    shop.tells(silence, silence)
    await shop.sends(5)

    taken = await shop.claims(), await shop.claims()

    assert taken == (True, False)
    assert len(shop.running) == 2
    assert shop.dispatcher.room() == 0
    await shop.stops()


async def test_a_task_that_ends_makes_room_and_says_so(house: House) -> None:
    shop = Shop(house, await house.opens(limit=100), capacity=1)
    shop.tells(picture)
    await shop.sends(2)
    await shop.claims()
    await shop.ends()

    await asyncio.wait_for(shop.signals.wait_for_work(600), 10)
    assert shop.dispatcher.room() == 1


async def test_a_bug_ends_its_task_with_the_credits_back_and_no_other(shop: Shop, logged: Logged) -> None:
    broken, good = await shop.sends(2)

    def breaks_on_one(order: GenerationRequest) -> Any:
        return 1 // 0 if order.task_id == broken else picture(order)

    shop.tells(breaks_on_one, breaks_on_one)
    await shop.claims()
    await shop.ends()

    task = await shop.task(broken)
    assert (task.status, task.error_code, task.error_msg) == (Status.FAILED, 1001, "internal error")
    assert (await shop.task(good)).status is Status.SUCCESS
    assert await shop.house.balance(shop.key) == Balance(995, 0)
    assert "task broke" in [entry["event"] for entry in logged]
    assert len(shop.running) == 0


async def test_a_task_already_in_hand_is_not_begun_a_second_time(shop: Shop) -> None:
    """The machine slept, the lease ran out, and the rescuer of the same process found its own task."""
    shop.tells(silence)
    [task] = await shop.sends()
    await shop.claims()
    await shop.vendor.was_called(1)
    hand = shop.running.tasks[task]
    shop.house.clock.pass_time(60)

    await shop.rescuer.beat()

    assert shop.running.tasks[task] is hand
    assert len(shop.vendor.submits) == 1
    assert await shop.house.look("SELECT lease_owner, claims FROM tasks") == [(shop.owner, 2)]
    await shop.stops()


async def test_a_task_whose_cancellation_was_asked_of_a_dead_worker_is_not_begun(shop: Shop) -> None:
    [task] = await shop.sends()
    await shop.house.claims("a dead worker")
    await shop.house.cancel(shop.key.account, task)
    shop.house.clock.pass_time(60)

    await shop.rescuer.beat()
    await shop.ends()

    assert (await shop.task(task)).status is Status.CANCELLED
    assert shop.vendor.submits == []


async def test_after_a_stop_nothing_is_taken_any_more(shop: Shop) -> None:
    await shop.sends()
    await shop.dispatcher.stop()

    assert not await shop.claims()
    assert len(shop.running) == 0


async def test_the_loop_claims_what_is_there_and_what_arrives_until_it_is_stopped(shop: Shop) -> None:
    shop.tells(picture, picture)
    first = await shop.sends()
    loop = asyncio.ensure_future(shop.dispatcher.run())
    await shop.vendor.was_called(1)
    second = await shop.sends()
    shop.signals.work_arrived()
    await shop.vendor.was_called(2)
    await shop.ends()

    await shop.dispatcher.stop()
    await asyncio.wait_for(loop, 10)

    assert {(await shop.task(task)).status for task in first + second} == {Status.SUCCESS}


async def test_the_loop_outlives_a_database_that_is_away(
    shop: Shop, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.tells(picture)
    await shop.sends()
    real, tries = shop.house.store.run, []

    async def away_at_first(work: Any) -> Any:
        tries.append(work)
        if len(tries) <= 2:
            raise ConnectionError("the database is away")
        return await real(work)

    monkeypatch.setattr(shop.house.store, "run", away_at_first)
    loop = asyncio.ensure_future(shop.dispatcher.run())
    await shop.vendor.was_called(1)
    await shop.ends()
    await shop.dispatcher.stop()
    await asyncio.wait_for(loop, 10)

    assert [entry["event"] for entry in logged][:2] == ["claim failed"] * 2


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("starting up"), StorageRefuses("read-only"), OSError(errno.ENOSPC, "no space left")]
)
async def test_a_task_that_an_outage_holds_up_goes_on_from_its_journal(
    shop: Shop, logged: Logged, trouble: Exception
) -> None:
    def breaks(_order: GenerationRequest) -> Any:
        raise trouble

    shop.tells(Accepted({"job": "7"}, wait_s=0), breaks, breaks, picture)
    [task] = await shop.sends()
    await shop.claims()
    await shop.ends()

    assert (await shop.task(task)).status is Status.SUCCESS
    assert len(shop.vendor.submits) == 1
    assert [entry["event"] for entry in logged] == [*["task held up by an outage"] * 2, "task ended"]


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.LEASE_LOST])
async def test_a_task_that_an_outage_holds_up_is_left_to_whoever_comes_next(
    shop: Shop, logged: Logged, reason: Reason
) -> None:
    def breaks(_order: GenerationRequest) -> Any:
        shop.running.interrupt_all(reason)
        raise StoreUnavailable("away")

    shop.tells(Accepted({"job": "7"}, wait_s=0), breaks)
    [task] = await shop.sends()
    await shop.claims()
    await shop.ends()

    assert (await shop.task(task)).status is Status.RUNNING
    assert [entry["event"] for entry in logged] == ["task held up by an outage"]


async def test_nothing_is_taken_while_the_store_refuses(shop: Shop) -> None:
    shop.tells(picture)
    await shop.sends()
    shop.dispatcher.disk_guard.refused(shop.house.clock.now_ms())

    taken = [await shop.claims()]
    shop.house.clock.pass_time(REFUSAL_PAUSE_MS / 1000)
    taken += [await shop.claims()]
    await shop.ends()

    assert taken == [False, True]


async def test_a_stopped_clock_holds_nothing_up_that_does_not_wait(house: House) -> None:
    house.clock = StoppedClock()
    shop = Shop(house, await house.opens())
    shop.tells(picture)
    [task] = await shop.sends()
    await shop.claims()
    await shop.ends()

    assert (await shop.task(task)).status is Status.SUCCESS
