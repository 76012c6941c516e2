"""Leases after a gap in time: the machine slept, the database was down, or the clock was set."""

import pytest

from crash.workers import LEASE_S, HeldAnswer, WorkerPool, claim, take_over, wait_until_idle
from fakes import ScriptedProvider, picture
from limner.domain.tasks.task import Status

HOUR_S = 3600


@pytest.mark.parametrize("gap_s", [LEASE_S + 1, 30, HOUR_S])
async def test_live_workers_keep_their_tasks_after_a_gap_longer_than_a_lease(workers: WorkerPool, gap_s: float) -> None:
    """No worker could renew, and all workers continue at the same time."""
    held = HeldAnswer(picture)
    living, vendor = workers.make_worker(ScriptedProvider([held])), ScriptedProvider([])
    other = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(living, held)
    await take_over(other)

    workers.clock.pass_time(gap_s)
    await take_over(other)
    await living.leases.renew()
    await take_over(other)
    owners = await workers.owners()
    held.released.set()
    await wait_until_idle(living)

    assert owners == [living.dispatcher.owner]
    assert (await workers.task(task)).status is Status.SUCCESS
    assert await workers.outcomes(task) == ["picture"]


async def test_tasks_of_dead_workers_are_taken_over_one_lease_after_a_gap(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    dead, successor = (
        workers.make_worker(ScriptedProvider([held])),
        workers.make_worker(ScriptedProvider([HeldAnswer(picture)])),
    )
    await workers.submit_task()
    await claim(dead, held)
    await take_over(successor)

    workers.clock.pass_time(30)
    for _ in range(LEASE_S + 1):
        await take_over(successor)
        workers.clock.pass_time(1)
    await take_over(successor)

    assert await workers.owners() == [successor.dispatcher.owner]


async def test_a_released_task_is_claimed_at_once_after_a_gap(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    stopped, successor = workers.make_worker(ScriptedProvider([held])), workers.make_worker(ScriptedProvider([picture]))
    task = await workers.submit_task()
    await claim(stopped, held)
    await take_over(successor)
    workers.clock.pass_time(30)
    await workers.limner.store.run(lambda records: records.tasks.release_leases(stopped.dispatcher.owner, [task]))

    await take_over(successor)
    await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.SUCCESS


async def test_a_lease_from_before_the_clock_was_set_back_expires(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    dead, successor = (
        workers.make_worker(ScriptedProvider([held])),
        workers.make_worker(ScriptedProvider([HeldAnswer(picture)])),
    )
    await workers.submit_task()
    await claim(dead, held)
    await take_over(successor)

    workers.clock.pass_time(-HOUR_S)
    for _ in range(2 * LEASE_S + 2):
        await take_over(successor)
        workers.clock.pass_time(1)

    assert await workers.owners() == [successor.dispatcher.owner]


async def test_a_live_worker_keeps_its_tasks_when_the_clock_is_set_back(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    living, other = workers.make_worker(ScriptedProvider([held])), workers.make_worker(ScriptedProvider([]))
    task = await workers.submit_task()
    await claim(living, held)
    await take_over(other)

    workers.clock.pass_time(-HOUR_S)
    for _ in range(3 * LEASE_S):
        await take_over(other)
        await living.leases.renew()
        workers.clock.pass_time(1)
    owners = await workers.owners()
    held.released.set()
    await wait_until_idle(living)

    assert owners == [living.dispatcher.owner]
    assert await workers.outcomes(task) == ["picture"]
