"""Leases: who has a task, for how long, and what becomes of it when its worker is gone."""

import asyncio
import threading

import pytest

from limner.db.records import Records
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from stores import LEASE_MS, House


async def running(house: House, many: int = 1, owner: str = "worker") -> list[TaskId]:
    key = await house.opens(limit=100)
    for _ in range(many):
        await house.sends(key)
    return [each.task.id for each in await house.claims(owner)]


async def renew(house: House, reported: dict[TaskId, int], owner: str = "worker") -> tuple[set[TaskId], set[TaskId]]:
    until_ms = house.clock.now_ms() + LEASE_MS
    return await house.store.run(lambda records: records.tasks.renew(owner, until_ms, reported))


async def test_a_lease_that_holds_is_not_rescued(house: House) -> None:
    await running(house)
    house.clock.pass_time(LEASE_MS / 1000)

    assert await house.rescues() == []


async def test_a_lease_that_ran_out_goes_to_the_rescuer(house: House) -> None:
    [task] = await running(house)
    house.clock.pass_time(LEASE_MS / 1000 + 0.001)

    [rescued] = await house.rescues("rescuer")

    assert (rescued.task.id, rescued.task.status, rescued.claims) == (task, Status.RUNNING, 2)
    assert rescued.order["prompt"] == "a red fox in the snow"
    assert await house.rescues("another") == []


async def test_a_rescued_task_began_when_it_first_began(house: House) -> None:
    await running(house)
    began_ms = house.clock.now_ms()
    house.clock.pass_time(60)

    [rescued] = await house.rescues()

    assert rescued.task.started_ms == began_ms


async def test_a_renewed_lease_lives_on(house: House) -> None:
    [task] = await running(house)
    house.clock.pass_time(10)
    ours, cancelled = await renew(house, {task: 0})
    house.clock.pass_time(10)

    assert (ours, cancelled) == ({task}, set())
    assert await house.rescues() == []


async def test_a_lease_is_renewed_by_its_owner_only(house: House) -> None:
    [task] = await running(house)
    house.clock.pass_time(10)
    ours, _ = await renew(house, {task: 0}, owner="somebody else")
    house.clock.pass_time(10)

    assert ours == set()
    assert len(await house.rescues()) == 1


async def test_a_worker_hears_that_it_lost_a_task_to_a_rescuer(house: House) -> None:
    kept, lost = await running(house, 2)
    house.clock.pass_time(20)
    await renew(house, {kept: 0})
    await house.rescues("rescuer")

    ours, _ = await renew(house, {kept: 0, lost: 0})

    assert ours == {kept}


async def test_a_worker_hears_of_a_cancellation_when_it_renews(house: House) -> None:
    wanted, unwanted = await running(house, 2)
    await house.store.run(lambda records: records.tasks.request_cancel(unwanted))

    assert await renew(house, {wanted: 0, unwanted: 0}) == ({wanted, unwanted}, {unwanted})


async def test_a_lease_is_held_by_its_owner_as_long_as_nobody_took_it(house: House) -> None:
    [task] = await running(house)

    async def holds(owner: str) -> bool:
        return await house.store.run(lambda records: records.tasks.lock_lease(task, owner))

    assert (await holds("worker"), await holds("somebody else")) == (True, False)
    house.clock.pass_time(60)
    assert await holds("worker"), "late, and still the only one"
    await house.rescues("rescuer")
    assert (await holds("worker"), await holds("rescuer")) == (False, True)
    await house.settles(task, owner="rescuer")
    assert not await holds("rescuer")


async def test_nobody_takes_a_lease_from_a_unit_of_work_that_relies_on_it(house: House) -> None:
    [task] = await running(house)
    house.clock.pass_time(60)
    relying, may_end = threading.Event(), threading.Event()

    def rely(records: Records) -> bool:
        held = records.tasks.lock_lease(task, "worker")
        relying.set()
        assert may_end.wait(20)
        return held

    work = asyncio.ensure_future(house.store.run(rely))
    assert await asyncio.to_thread(relying.wait, 20)
    rescuing = asyncio.ensure_future(house.rescues("rescuer"))
    still = (await house.look("SELECT lease_owner FROM tasks"))[0]
    may_end.set()

    assert await work
    assert still == ("worker",)
    await rescuing


async def test_renewing_nothing_is_fine(house: House) -> None:
    assert await renew(house, {}) == (set(), set())


async def test_a_task_that_has_ended_is_no_longer_ours(house: House) -> None:
    [task] = await running(house)
    await house.settles(task)

    assert await renew(house, {task: 50}) == (set(), set())
    assert (await house.task(task)).progress == 100


async def test_reported_progress_is_kept_and_only_grows(house: House) -> None:
    [task] = await running(house)
    seen = []
    for percent in (10, 40, 30, 0, 60):
        await renew(house, {task: percent})
        seen.append((await house.task(task)).progress)

    assert seen == [10, 40, 40, 40, 60]


async def test_what_a_worker_reports_of_a_task_it_lost_does_not_count(house: House) -> None:
    [task] = await running(house)
    house.clock.pass_time(20)
    await house.rescues("rescuer")

    await renew(house, {task: 80}, owner="worker")

    assert (await house.task(task)).progress == 0


async def test_what_is_handed_back_is_taken_up_at_once(house: House) -> None:
    returned, kept = await running(house, 2)
    await house.store.run(lambda records: records.tasks.release_leases("worker", [returned]))

    rescued = await house.rescues("next")

    assert [each.task.id for each in rescued] == [returned]
    assert (await house.settles(kept, owner="worker")) is not None


async def test_nobody_hands_back_what_is_another_s(house: House) -> None:
    tasks = await running(house, 2)
    await house.store.run(lambda records: records.tasks.release_leases("somebody else", tasks))
    await house.store.run(lambda records: records.tasks.release_leases("worker", []))

    assert await house.rescues() == []


async def test_the_leases_of_the_dead_are_freed_and_no_others(house: House) -> None:
    key = await house.opens(limit=100)
    shares = {}
    for owner in ("dead", "also dead", "alive"):
        for _ in range(2):
            await house.sends(key)
        shares[owner] = {each.task.id for each in await house.claims(owner)}

    owners = await house.store.read(lambda records: records.tasks.lease_owners())
    freed = await house.store.run(lambda records: records.tasks.end_leases_of(["dead", "also dead"]))
    rescued = {each.task.id for each in await house.rescues()}

    assert set(owners) == {"dead", "also dead", "alive"}
    assert freed == 4
    assert rescued == shares["dead"] | shares["also dead"]


async def test_a_finished_task_has_no_lease(house: House) -> None:
    [task] = await running(house)
    await house.settles(task)

    assert await house.store.read(lambda records: records.tasks.lease_owners()) == []
    assert await house.look("SELECT lease_owner, lease_until_ms FROM tasks") == [(None, None)]


async def test_the_longest_abandoned_is_rescued_first(house: House) -> None:
    key = await house.opens()
    order = []
    for owner in ("first", "second", "third"):
        await house.sends(key)
        order += [each.task.id for each in await house.claims(owner)]
        house.clock.pass_time(1)
    house.clock.pass_time(60)

    rescued = [(await house.rescues(limit=1))[0].task.id for _ in order]

    assert rescued == order


async def test_no_task_is_rescued_twice_however_many_try(house: House) -> None:
    tasks = await running(house, 40)
    house.clock.pass_time(60)

    rescued = await asyncio.gather(*(house.rescues(f"rescuer-{n}", limit=5) for n in range(16)))

    everything = [each.task.id for share in rescued for each in share]
    assert sorted(everything) == sorted(tasks)


@pytest.mark.parametrize("expected_ms", [1, 90_000])
async def test_what_a_run_is_expected_to_take_is_kept(house: House, expected_ms: int) -> None:
    [task] = await running(house)
    await house.store.run(lambda records: records.tasks.set_expected_end(task, expected_ms))

    assert (await house.task(task)).expected_ms == expected_ms
