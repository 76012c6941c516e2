"""A worker's start and its graceful stop."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import FrozenClock, ManualClock, ScriptedProvider, picture
from limner.db.store import StoreUnavailable
from limner.domain.tasks.task import Status
from limner.ports.provider import Accepted, GenerationRequest
from limner.worker import worker as working
from limner.worker.lease_owner import LeaseOwner
from stores import ServiceHarness
from unit.worker.conftest import WorkerHarness

Logged = list[MutableMapping[str, Any]]
HANDLE = {"id": "job-1"}


@pytest.fixture
async def harness(service: ServiceHarness) -> WorkerHarness:
    """The clock is frozen: each loop runs once and waits."""
    service.clock = FrozenClock()
    return WorkerHarness(service, await service.open_account(limit=100))


async def test_a_started_worker_takes_what_is_there_and_a_stop_ends_its_loops(
    harness: WorkerHarness, logged: Logged
) -> None:
    harness.script_vendor(picture)
    [task] = await harness.submit_tasks()

    harness.worker.start()
    await harness.vendor.wait_for_calls()
    await harness.wait_until_idle()
    await harness.worker.stop()

    assert (await harness.task(task)).status is Status.SUCCESS
    assert all(loop.done() for loop in harness.worker._loops)


async def test_what_ends_within_the_drain_limit_is_not_handed_back(harness: WorkerHarness, logged: Logged) -> None:
    may_end = asyncio.Event()

    async def slow(order: GenerationRequest) -> Any:
        await may_end.wait()
        return picture(order)

    harness.worker.drain_s = 60
    harness.script_vendor(slow)
    [task] = await harness.submit_tasks()
    harness.worker.start()
    await harness.vendor.wait_for_calls()

    stopping = asyncio.ensure_future(harness.worker.stop())
    await asyncio.sleep(0)
    may_end.set()
    await stopping

    assert (await harness.task(task)).status is Status.SUCCESS
    assert "releasing tasks" not in [entry["event"] for entry in logged]


async def test_what_has_a_handle_is_handed_back_and_the_next_worker_goes_on_at_once(
    harness: WorkerHarness, logged: Logged
) -> None:
    harness.script_vendor(Accepted(HANDLE, wait_s=30))
    [task] = await harness.submit_tasks()
    harness.worker.start()
    await harness.vendor.wait_for_calls()
    await harness.service.clock.wait_for_sleeps(3)

    await harness.worker.stop()
    handed_back = await harness.task(task)
    following = ScriptedProvider([picture])
    harness.service.clock = ManualClock(harness.service.clock.ms)
    successor = WorkerHarness(harness.service, harness.key, following, me=LeaseOwner("another machine", 1, "run"))
    await successor.rescuer.rescue()
    await successor.wait_until_idle()

    assert handed_back.status is Status.RUNNING
    assert (await harness.task(task)).status is Status.SUCCESS
    assert (following.submits, following.polls) == ([], [HANDLE])


async def test_a_worker_stops_although_the_database_is_away_and_an_answer_is_not_written_down(
    harness: WorkerHarness, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_work: Any) -> Any:
        raise StoreUnavailable("starting up")

    def answer(_order: GenerationRequest) -> Accepted:
        monkeypatch.setattr(harness.service.store, "run", away)
        return Accepted(HANDLE, wait_s=30)

    monkeypatch.setattr(working, "STOP_GRACE_S", 0.01)
    harness.script_vendor(answer)
    await harness.submit_tasks()
    harness.worker.start()
    await harness.vendor.wait_for_calls()

    await harness.worker.stop()

    assert len(harness.running) == 0
    assert all(loop.done() for loop in harness.worker._loops)
    assert {"event": "tasks not released", "error": "starting up", "log_level": "warning"} in logged


async def test_a_claim_that_is_under_way_when_the_stop_comes_is_not_forgotten(
    harness: WorkerHarness, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has given the task to this worker: it must be seen through or handed back, not left to its lease."""
    claiming, may_end = asyncio.Event(), asyncio.Event()
    real = harness.service.store.run

    async def slow(work: Any) -> Any:
        done = await real(work)
        claiming.set()
        await may_end.wait()
        return done

    harness.worker.drain_s = 60
    harness.script_vendor(picture)
    [task] = await harness.submit_tasks()
    monkeypatch.setattr(harness.service.store, "run", slow)
    harness.worker.start()
    await claiming.wait()
    stopping = asyncio.ensure_future(harness.worker.stop())
    await asyncio.sleep(0)
    monkeypatch.setattr(harness.service.store, "run", real)
    may_end.set()
    await stopping

    assert (await harness.task(task)).status is Status.SUCCESS


async def test_a_stopping_worker_takes_nothing_over(harness: WorkerHarness) -> None:
    [task] = await harness.submit_tasks()
    await harness.service.claim_tasks("somebody far away")
    harness.service.clock.pass_time(60)
    await harness.dispatcher.stop()

    await harness.rescuer.rescue()

    assert len(harness.running) == 0
    owners = await harness.service.query("SELECT lease_owner FROM tasks WHERE id = :id", id=task)
    assert owners == [("somebody far away",)]


async def test_a_worker_with_nothing_to_do_stops_at_once(harness: WorkerHarness) -> None:
    harness.worker.start()
    await harness.service.clock.wait_for_sleeps(2)

    await harness.worker.stop()

    assert all(loop.done() for loop in harness.worker._loops)
