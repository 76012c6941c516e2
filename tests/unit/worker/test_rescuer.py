"""Taking over what others left."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from fakes import never_answers, picture
from limner.domain.accounts.credits import Balance
from limner.domain.tasks.task import Status
from limner.worker import dispatcher
from limner.worker.lease_owner import LeaseOwner
from stores import ServiceHarness
from unit.worker.conftest import WorkerHarness

Logged = list[MutableMapping[str, Any]]


async def test_a_task_whose_lease_ran_out_is_brought_to_its_end(harness: WorkerHarness) -> None:
    harness.script_vendor(picture)
    [task] = await harness.submit_tasks()
    await harness.service.claim_tasks("somebody far away")
    harness.service.clock.pass_time(60)

    await harness.rescuer.rescue()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.SUCCESS


async def test_a_lease_of_somebody_far_away_is_left_to_run_its_time(harness: WorkerHarness) -> None:
    await harness.submit_tasks()
    await harness.service.claim_tasks("somebody far away")

    await harness.rescuer.rescue()

    assert len(harness.running) == 0


async def test_the_task_of_a_dead_process_of_this_machine_is_taken_over_at_once(
    harness: WorkerHarness, logged: Logged
) -> None:
    harness.script_vendor(picture)
    [task] = await harness.submit_tasks()
    await harness.service.claim_tasks(str(LeaseOwner(harness.me.machine, harness.me.pid, "before")))

    await harness.rescuer.rescue()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.SUCCESS
    assert {"event": "took over from dead workers", "leases": 1, "log_level": "info"} in logged


async def test_tasks_that_waited_too_long_expire(harness: WorkerHarness) -> None:
    [task] = await harness.submit_tasks()
    harness.service.clock.pass_time(3601)

    await harness.rescuer.rescue()

    assert (await harness.task(task)).status is Status.EXPIRED
    assert await harness.service.balance(harness.key) == Balance(1000, 0)


async def test_one_round_takes_over_as_many_tasks_as_slots_are_free(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MAX_CLAIM_BATCH", 4)
    harness = WorkerHarness(service, await service.open_account(limit=100), capacity=10)
    harness.script_vendor(*[never_answers] * 10)
    await harness.submit_tasks(12)
    await service.claim_tasks("somebody far away")
    service.clock.pass_time(60)

    await harness.rescuer.rescue()

    assert len(harness.running) == 10
    await harness.interrupt_all()


async def test_without_room_nothing_is_taken_over(service: ServiceHarness) -> None:
    harness = WorkerHarness(service, await service.open_account(), capacity=0)
    [task] = await harness.submit_tasks()
    await service.claim_tasks("somebody far away")
    service.clock.pass_time(60)

    await harness.rescuer.rescue()

    owners = await service.query("SELECT lease_owner FROM tasks WHERE id = :id", id=task)
    assert owners == [("somebody far away",)]


async def test_the_loop_survives_an_error_in_a_round(harness: WorkerHarness, logged: Logged) -> None:
    await harness.service.store.close()
    loop = asyncio.ensure_future(harness.rescuer.run())
    await harness.service.clock.wait_for_sleeps(3)
    loop.cancel()
    await asyncio.wait({loop})

    assert [entry["event"] for entry in logged][:3] == ["rescue failed"] * 3
    assert set(harness.service.clock.slept) == {1.0}
