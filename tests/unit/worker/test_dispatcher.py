"""Taking tasks and seeing each through."""

import asyncio
import errno
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import FrozenClock, never_answers, picture
from limner.application.generation.disk_guard import REFUSAL_PAUSE_MS
from limner.application.generation.interrupt import Reason
from limner.db.store import StoreUnavailable
from limner.domain.accounts.credits import Balance
from limner.domain.tasks.task import Status
from limner.ports.blobs import StorageRefuses
from limner.ports.provider import Accepted, GenerationRequest
from stores import ServiceHarness
from unit.worker.conftest import WorkerHarness

Logged = list[MutableMapping[str, Any]]


async def test_what_is_claimed_is_seen_through_side_by_side(harness: WorkerHarness, logged: Logged) -> None:
    all_there = asyncio.Event()

    async def waits_for_the_others(order: GenerationRequest) -> Any:
        if len(harness.vendor.submits) == 3:
            all_there.set()
        await all_there.wait()
        return picture(order)

    harness.script_vendor(*[waits_for_the_others] * 3)
    tasks = await harness.submit_tasks(3)

    assert await harness.claim()
    await harness.wait_until_idle()

    assert {(await harness.task(task)).status for task in tasks} == {Status.SUCCESS}
    ended = [entry for entry in logged if entry["event"] == "task ended"]
    assert {entry["task"] for entry in ended} == set(tasks)
    assert all(entry["account"] and entry["provider"] and entry["duration_ms"] >= 0 for entry in ended)


async def test_an_empty_queue_gives_nothing_to_do(harness: WorkerHarness) -> None:
    assert not await harness.claim()


async def test_no_more_is_taken_than_there_is_room_for(service: ServiceHarness) -> None:
    harness = WorkerHarness(service, await service.open_account(limit=100), capacity=2)
    harness.script_vendor(never_answers, never_answers)
    await harness.submit_tasks(5)

    taken = await harness.claim(), await harness.claim()

    assert taken == (True, False)
    assert len(harness.running) == 2
    assert harness.dispatcher.free_slots() == 0
    await harness.interrupt_all()


async def test_a_task_that_ends_makes_room_and_says_so(service: ServiceHarness) -> None:
    harness = WorkerHarness(service, await service.open_account(limit=100), capacity=1)
    harness.script_vendor(picture)
    await harness.submit_tasks(2)
    await harness.claim()
    await harness.wait_until_idle()

    await asyncio.wait_for(harness.signals.wait_for_work(600), 60)
    assert harness.dispatcher.free_slots() == 1


async def test_a_bug_ends_its_task_with_the_credits_back_and_no_other(harness: WorkerHarness, logged: Logged) -> None:
    broken, good = await harness.submit_tasks(2)

    def breaks_on_one(order: GenerationRequest) -> Any:
        return 1 // 0 if order.task_id == broken else picture(order)

    harness.script_vendor(breaks_on_one, breaks_on_one)
    await harness.claim()
    await harness.wait_until_idle()

    task = await harness.task(broken)
    assert (task.status, task.error_code, task.error_msg) == (Status.FAILED, 1001, "internal error")
    assert (await harness.task(good)).status is Status.SUCCESS
    assert await harness.service.balance(harness.key) == Balance(995, 0)
    assert "task failed on a bug" in [entry["event"] for entry in logged]
    assert len(harness.running) == 0


async def test_a_running_task_is_not_started_a_second_time(harness: WorkerHarness) -> None:
    """The machine slept, the lease ran out, and the rescuer of the same process found its own task."""
    harness.script_vendor(never_answers)
    [task] = await harness.submit_tasks()
    await harness.claim()
    await harness.vendor.wait_for_calls(1)
    hand = harness.running.tasks[task]
    harness.service.clock.pass_time(60)

    await harness.rescuer.rescue()

    assert harness.running.tasks[task] is hand
    assert len(harness.vendor.submits) == 1
    assert await harness.service.query("SELECT lease_owner, claims FROM tasks") == [(harness.owner, 2)]
    await harness.interrupt_all()


async def test_a_task_whose_cancellation_was_asked_of_a_dead_worker_is_not_begun(harness: WorkerHarness) -> None:
    [task] = await harness.submit_tasks()
    await harness.service.claim_tasks("a dead worker")
    await harness.service.cancel(harness.key.account, task)
    harness.service.clock.pass_time(60)

    await harness.rescuer.rescue()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.CANCELLED
    assert harness.vendor.submits == []


async def test_after_a_stop_nothing_is_taken_any_more(harness: WorkerHarness) -> None:
    await harness.submit_tasks()
    await harness.dispatcher.stop()

    assert not await harness.claim()
    assert len(harness.running) == 0


async def test_the_loop_claims_what_is_there_and_what_arrives_until_it_is_stopped(harness: WorkerHarness) -> None:
    harness.script_vendor(picture, picture)
    first = await harness.submit_tasks()
    loop = asyncio.ensure_future(harness.dispatcher.run())
    await harness.vendor.wait_for_calls(1)
    second = await harness.submit_tasks()
    harness.signals.work_arrived()
    await harness.vendor.wait_for_calls(2)
    await harness.wait_until_idle()

    await harness.dispatcher.stop()
    await asyncio.wait_for(loop, 60)

    assert {(await harness.task(task)).status for task in first + second} == {Status.SUCCESS}


async def test_the_loop_outlives_a_database_that_is_away(
    harness: WorkerHarness, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.script_vendor(picture)
    await harness.submit_tasks()
    real, tries = harness.service.store.run, []

    async def away_at_first(work: Any) -> Any:
        tries.append(work)
        if len(tries) <= 2:
            raise ConnectionError("the database is away")
        return await real(work)

    monkeypatch.setattr(harness.service.store, "run", away_at_first)
    loop = asyncio.ensure_future(harness.dispatcher.run())
    await harness.vendor.wait_for_calls(1)
    await harness.wait_until_idle()
    await harness.dispatcher.stop()
    await asyncio.wait_for(loop, 60)

    assert [entry["event"] for entry in logged][:2] == ["claim failed"] * 2


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("starting up"), StorageRefuses("read-only"), OSError(errno.ENOSPC, "no space left")]
)
async def test_a_task_interrupted_by_an_outage_resumes_from_its_journal(
    harness: WorkerHarness, logged: Logged, trouble: Exception
) -> None:
    def breaks(_order: GenerationRequest) -> Any:
        raise trouble

    harness.script_vendor(Accepted({"job": "7"}, wait_s=0), breaks, breaks, picture)
    [task] = await harness.submit_tasks()
    await harness.claim()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.SUCCESS
    assert len(harness.vendor.submits) == 1
    events = [entry["event"] for entry in logged if entry["event"] != "image delivered"]
    assert events == [*["task interrupted by an outage"] * 2, "task ended"]


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.LEASE_LOST])
async def test_a_task_that_an_outage_holds_up_is_left_to_whoever_comes_next(
    harness: WorkerHarness, logged: Logged, reason: Reason
) -> None:
    def breaks(_order: GenerationRequest) -> Any:
        harness.running.interrupt_all(reason)
        raise StoreUnavailable("away")

    harness.script_vendor(Accepted({"job": "7"}, wait_s=0), breaks)
    [task] = await harness.submit_tasks()
    await harness.claim()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.RUNNING
    assert [entry["event"] for entry in logged] == ["task interrupted by an outage"]


async def test_nothing_is_taken_while_the_store_refuses(harness: WorkerHarness) -> None:
    harness.script_vendor(picture)
    await harness.submit_tasks()
    harness.dispatcher.disk_guard.record_refusal(harness.service.clock.now_ms())

    taken = [await harness.claim()]
    harness.service.clock.pass_time(REFUSAL_PAUSE_MS / 1000)
    taken += [await harness.claim()]
    await harness.wait_until_idle()

    assert taken == [False, True]


async def test_a_stopped_clock_holds_nothing_up_that_does_not_wait(service: ServiceHarness) -> None:
    service.clock = FrozenClock()
    harness = WorkerHarness(service, await service.open_account())
    harness.script_vendor(picture)
    [task] = await harness.submit_tasks()
    await harness.claim()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.SUCCESS
