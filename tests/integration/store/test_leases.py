"""Leases: who has a task, for how long, and what becomes of it when its worker is gone."""

import asyncio
import threading
import time

import pytest

from limner.application.tasks.claim import claim
from limner.db.records import Records
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from stores import LEASE_MS, ServiceHarness, on_postgres, opened_store


async def running(service: ServiceHarness, many: int = 1, owner: str = "worker") -> list[TaskId]:
    key = await service.open_account(limit=100)
    for _ in range(many):
        await service.submit_task(key)
    return [each.task.id for each in await service.claim_tasks(owner)]


async def renew(
    service: ServiceHarness, reported: dict[TaskId, int], owner: str = "worker"
) -> tuple[set[TaskId], set[TaskId]]:
    now_ms = service.clock.now_ms()
    return await service.store.run(lambda records: records.tasks.renew(owner, now_ms, LEASE_MS, reported))


async def test_a_lease_that_holds_is_not_rescued(service: ServiceHarness) -> None:
    await running(service)
    service.clock.pass_time(LEASE_MS / 1000)

    assert await service.rescue_tasks() == []


async def test_a_lease_that_ran_out_goes_to_the_rescuer(service: ServiceHarness) -> None:
    [task] = await running(service)
    service.clock.pass_time(LEASE_MS / 1000 + 0.001)

    [rescued] = await service.rescue_tasks("rescuer")

    assert (rescued.task.id, rescued.task.status, rescued.claims) == (task, Status.RUNNING, 2)
    assert rescued.spec.prompt == "a red fox in the snow"
    assert await service.rescue_tasks("another") == []


async def test_a_rescued_task_began_when_it_first_began(service: ServiceHarness) -> None:
    await running(service)
    began_ms = service.clock.now_ms()
    service.clock.pass_time(60)

    [rescued] = await service.rescue_tasks()

    assert rescued.task.started_ms == began_ms


async def test_a_renewed_lease_lives_on(service: ServiceHarness) -> None:
    [task] = await running(service)
    service.clock.pass_time(10)
    ours, cancelled = await renew(service, {task: 0})
    service.clock.pass_time(10)

    assert (ours, cancelled) == ({task}, set())
    assert await service.rescue_tasks() == []


async def test_a_lease_is_renewed_by_its_owner_only(service: ServiceHarness) -> None:
    [task] = await running(service)
    service.clock.pass_time(10)
    ours, _ = await renew(service, {task: 0}, owner="somebody else")
    service.clock.pass_time(10)

    assert ours == set()
    assert len(await service.rescue_tasks()) == 1


async def test_a_worker_hears_that_it_lost_a_task_to_a_rescuer(service: ServiceHarness) -> None:
    kept, lost = await running(service, 2)
    service.clock.pass_time(20)
    await renew(service, {kept: 0})
    await service.rescue_tasks("rescuer")

    ours, _ = await renew(service, {kept: 0, lost: 0})

    assert ours == {kept}


async def test_a_worker_hears_of_a_cancellation_when_it_renews(service: ServiceHarness) -> None:
    wanted, unwanted = await running(service, 2)
    await service.store.run(lambda records: records.tasks.request_cancel(unwanted))

    assert await renew(service, {wanted: 0, unwanted: 0}) == ({wanted, unwanted}, {unwanted})


async def test_a_lease_is_held_by_its_owner_as_long_as_nobody_took_it(service: ServiceHarness) -> None:
    [task] = await running(service)

    async def holds(owner: str) -> bool:
        return await service.store.run(lambda records: records.tasks.lock_lease(task, owner))

    assert (await holds("worker"), await holds("somebody else")) == (True, False)
    service.clock.pass_time(60)
    assert await holds("worker"), "late, and still the only one"
    await service.rescue_tasks("rescuer")
    assert (await holds("worker"), await holds("rescuer")) == (False, True)
    await service.settle_task(task, owner="rescuer")
    assert not await holds("rescuer")


async def test_nobody_takes_a_lease_from_a_unit_of_work_that_relies_on_it(service: ServiceHarness) -> None:
    [task] = await running(service)
    service.clock.pass_time(60)
    relying, may_end = threading.Event(), threading.Event()

    def rely(records: Records) -> bool:
        held = records.tasks.lock_lease(task, "worker")
        relying.set()
        assert may_end.wait(60)
        return held

    work = asyncio.ensure_future(service.store.run(rely))
    assert await asyncio.to_thread(relying.wait, 20)
    rescuing = asyncio.ensure_future(service.rescue_tasks("rescuer"))
    still = (await service.query("SELECT lease_owner FROM tasks"))[0]
    may_end.set()

    assert await work
    assert still == ("worker",)
    await rescuing


@on_postgres
@pytest.mark.parametrize("ahead_s", [3600, -3600])
async def test_hosts_whose_clocks_differ_by_more_than_a_lease_leave_each_other_s_tasks(
    url: str, service: ServiceHarness, ahead_s: int
) -> None:
    async with opened_store(url, local_clock=False) as store:
        here, there = time.time_ns() // 1_000_000, time.time_ns() // 1_000_000 + ahead_s * 1000
        [task] = await running(service)
        await service.store.run(lambda records: records.tasks.release_leases("worker", [task]))

        [first] = await store.run(lambda records: records.tasks.rescue("here", here, LEASE_MS, 10))
        taken_over = await store.run(lambda records: records.tasks.rescue("there", there, LEASE_MS, 10))
        ours, _ = await store.run(lambda records: records.tasks.renew("here", here, LEASE_MS, {task: 0}))
        taken_over_later = await store.run(lambda records: records.tasks.rescue("there", there, LEASE_MS, 10))

    assert first.task.id == task
    assert (taken_over, taken_over_later, ours) == ([], [], {task})


@on_postgres
async def test_a_claim_of_a_host_whose_clock_is_behind_is_not_taken_over(url: str, service: ServiceHarness) -> None:
    async with opened_store(url, local_clock=False) as store:
        key = await service.open_account()
        await service.submit_task(key)
        now_ms = time.time_ns() // 1_000_000

        [claimed] = await store.run(lambda records: claim(records, "behind", now_ms - 3_600_000, LEASE_MS, limit=1))
        taken_over = await store.run(lambda records: records.tasks.rescue("right", now_ms, LEASE_MS, 10))

    assert claimed.claims == 1
    assert taken_over == []


async def test_renewing_nothing_is_fine(service: ServiceHarness) -> None:
    assert await renew(service, {}) == (set(), set())


async def test_a_task_that_has_ended_is_no_longer_ours(service: ServiceHarness) -> None:
    [task] = await running(service)
    await service.settle_task(task)

    assert await renew(service, {task: 50}) == (set(), set())
    assert (await service.task(task)).progress == 100


async def test_reported_progress_is_kept_and_only_grows(service: ServiceHarness) -> None:
    [task] = await running(service)
    seen = []
    for percent in (10, 40, 30, 0, 60):
        await renew(service, {task: percent})
        seen.append((await service.task(task)).progress)

    assert seen == [10, 40, 40, 40, 60]


async def test_what_a_worker_reports_of_a_task_it_lost_does_not_count(service: ServiceHarness) -> None:
    [task] = await running(service)
    service.clock.pass_time(20)
    await service.rescue_tasks("rescuer")

    await renew(service, {task: 80}, owner="worker")

    assert (await service.task(task)).progress == 0


async def test_what_is_handed_back_is_taken_up_at_once(service: ServiceHarness) -> None:
    returned, kept = await running(service, 2)
    await service.store.run(lambda records: records.tasks.release_leases("worker", [returned]))

    rescued = await service.rescue_tasks("next")

    assert [each.task.id for each in rescued] == [returned]
    assert (await service.settle_task(kept, owner="worker")) is not None


async def test_nobody_hands_back_what_is_another_s(service: ServiceHarness) -> None:
    tasks = await running(service, 2)
    await service.store.run(lambda records: records.tasks.release_leases("somebody else", tasks))
    await service.store.run(lambda records: records.tasks.release_leases("worker", []))

    assert await service.rescue_tasks() == []


async def test_the_leases_of_the_dead_are_freed_and_no_others(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    shares = {}
    for owner in ("dead", "also dead", "alive"):
        for _ in range(2):
            await service.submit_task(key)
        shares[owner] = {each.task.id for each in await service.claim_tasks(owner)}

    owners = await service.store.read(lambda records: records.tasks.lease_owners())
    freed = await service.store.run(lambda records: records.tasks.end_leases_of(["dead", "also dead"]))
    rescued = {each.task.id for each in await service.rescue_tasks()}

    assert set(owners) == {"dead", "also dead", "alive"}
    assert freed == 4
    assert rescued == shares["dead"] | shares["also dead"]


async def test_a_finished_task_has_no_lease(service: ServiceHarness) -> None:
    [task] = await running(service)
    await service.settle_task(task)

    assert await service.store.read(lambda records: records.tasks.lease_owners()) == []
    assert await service.query("SELECT lease_owner, lease_until_ms FROM tasks") == [(None, None)]


async def test_the_longest_abandoned_is_rescued_first(service: ServiceHarness) -> None:
    key = await service.open_account()
    order = []
    for owner in ("first", "second", "third"):
        await service.submit_task(key)
        order += [each.task.id for each in await service.claim_tasks(owner)]
        service.clock.pass_time(1)
    service.clock.pass_time(60)

    rescued = [(await service.rescue_tasks(limit=1))[0].task.id for _ in order]

    assert rescued == order


async def test_no_task_is_rescued_twice_however_many_try(service: ServiceHarness) -> None:
    tasks = await running(service, 40)
    service.clock.pass_time(60)

    rescued = await asyncio.gather(*(service.rescue_tasks(f"rescuer-{n}", limit=5) for n in range(16)))

    everything = [each.task.id for share in rescued for each in share]
    assert sorted(everything) == sorted(tasks)


@pytest.mark.parametrize("expected_ms", [1, 90_000])
async def test_what_a_run_is_expected_to_take_is_kept(service: ServiceHarness, expected_ms: int) -> None:
    [task] = await running(service)
    await service.store.run(lambda records: records.tasks.set_expected_end(task, expected_ms))

    assert (await service.task(task)).expected_ms == expected_ms
