"""A worker's start and its graceful stop."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import HandClock, ScriptedProvider, StoppedClock, picture
from limner.db.store import StoreUnavailable
from limner.domain.tasks.task import Status
from limner.ports.provider import Accepted, GenerationRequest
from limner.worker import worker as working
from limner.worker.lease_owner import LeaseOwner
from stores import House
from unit.worker.conftest import Shop

Logged = list[MutableMapping[str, Any]]
HANDLE = {"id": "job-1"}


@pytest.fixture
async def shop(house: House) -> Shop:
    """Time stands still: each loop beats once and waits."""
    house.clock = StoppedClock()
    return Shop(house, await house.opens(limit=100))


async def test_a_started_worker_takes_what_is_there_and_a_stop_ends_its_loops(shop: Shop, logged: Logged) -> None:
    shop.tells(picture)
    [task] = await shop.sends()

    shop.worker.start()
    await shop.vendor.was_called()
    await shop.ends()
    await shop.worker.stop()

    assert (await shop.task(task)).status is Status.SUCCESS
    assert all(loop.done() for loop in shop.worker._loops)


async def test_what_ends_within_the_drain_limit_is_not_handed_back(shop: Shop, logged: Logged) -> None:
    may_end = asyncio.Event()

    async def slow(order: GenerationRequest) -> Any:
        await may_end.wait()
        return picture(order)

    shop.worker.drain_s = 60
    shop.tells(slow)
    [task] = await shop.sends()
    shop.worker.start()
    await shop.vendor.was_called()

    stopping = asyncio.ensure_future(shop.worker.stop())
    await asyncio.sleep(0)
    may_end.set()
    await stopping

    assert (await shop.task(task)).status is Status.SUCCESS
    assert "handing back tasks" not in [entry["event"] for entry in logged]


async def test_what_has_a_handle_is_handed_back_and_the_next_worker_goes_on_at_once(shop: Shop, logged: Logged) -> None:
    shop.tells(Accepted(HANDLE, wait_s=30))
    [task] = await shop.sends()
    shop.worker.start()
    await shop.vendor.was_called()
    await shop.house.clock.was_slept_on(3)

    await shop.worker.stop()
    handed_back = await shop.task(task)
    following = ScriptedProvider([picture])
    shop.house.clock = HandClock(shop.house.clock.ms)
    successor = Shop(shop.house, shop.key, following, me=LeaseOwner("another machine", 1, "run"))
    await successor.rescuer.beat()
    await successor.ends()

    assert handed_back.status is Status.RUNNING
    assert (await shop.task(task)).status is Status.SUCCESS
    assert (following.submits, following.polls) == ([], [HANDLE])


async def test_a_worker_stops_although_the_database_is_away_and_an_answer_is_not_written_down(
    shop: Shop, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_work: Any) -> Any:
        raise StoreUnavailable("starting up")

    def answer(_order: GenerationRequest) -> Accepted:
        monkeypatch.setattr(shop.house.store, "run", away)
        return Accepted(HANDLE, wait_s=30)

    monkeypatch.setattr(working, "STOP_GRACE_S", 0.01)
    shop.tells(answer)
    await shop.sends()
    shop.worker.start()
    await shop.vendor.was_called()

    await shop.worker.stop()

    assert len(shop.running) == 0
    assert all(loop.done() for loop in shop.worker._loops)
    assert {"event": "tasks not handed back", "trouble": "starting up", "log_level": "warning"} in logged


async def test_a_claim_that_is_under_way_when_the_stop_comes_is_not_forgotten(
    shop: Shop, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has given the task to this worker: it must be seen through or handed back, not left to its lease."""
    claiming, may_end = asyncio.Event(), asyncio.Event()
    real = shop.house.store.run

    async def slow(work: Any) -> Any:
        done = await real(work)
        claiming.set()
        await may_end.wait()
        return done

    shop.worker.drain_s = 60
    shop.tells(picture)
    [task] = await shop.sends()
    monkeypatch.setattr(shop.house.store, "run", slow)
    shop.worker.start()
    await claiming.wait()
    stopping = asyncio.ensure_future(shop.worker.stop())
    await asyncio.sleep(0)
    monkeypatch.setattr(shop.house.store, "run", real)
    may_end.set()
    await stopping

    assert (await shop.task(task)).status is Status.SUCCESS


async def test_a_stopping_worker_takes_nothing_over(shop: Shop) -> None:
    [task] = await shop.sends()
    await shop.house.claims("somebody far away")
    shop.house.clock.pass_time(60)
    await shop.dispatcher.stop()

    await shop.rescuer.beat()

    assert len(shop.running) == 0
    owners = await shop.house.look("SELECT lease_owner FROM tasks WHERE id = :id", id=task)
    assert owners == [("somebody far away",)]


async def test_a_worker_with_nothing_to_do_stops_at_once(shop: Shop) -> None:
    shop.worker.start()
    await shop.house.clock.was_slept_on(2)

    await shop.worker.stop()

    assert all(loop.done() for loop in shop.worker._loops)
