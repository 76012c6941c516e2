"""Time that nobody saw pass: a machine that slept, a database that was away, a clock that was set."""

import pytest

from crash.crew import LEASE_S, Crew, Gate, claims, finishes, takes_over
from fakes import ScriptedProvider, picture
from limner.domain.tasks.task import Status

AN_HOUR_S = 3600


@pytest.mark.parametrize("gap_s", [LEASE_S + 1, 30, AN_HOUR_S])
async def test_after_a_gap_that_outlasted_all_leases_the_living_keep_their_tasks(crew: Crew, gap_s: float) -> None:
    """The database was away, or the machine slept: nobody could renew, and everybody is back at once."""
    gate = Gate(picture)
    living, vendor = crew.hires(ScriptedProvider([gate])), ScriptedProvider([])
    other = crew.hires(vendor)
    task = await crew.submits()
    await claims(living, gate)
    await takes_over(other)

    crew.clock.pass_time(gap_s)
    await takes_over(other)
    await living.leases.renew()
    await takes_over(other)
    owners = await crew.owners()
    gate.opened.set()
    await finishes(living)

    assert owners == [living.dispatcher.owner]
    assert (await crew.task(task)).status is Status.SUCCESS
    assert await crew.outcomes(task) == ["picture"]


async def test_after_a_gap_the_dead_lose_their_tasks_a_lease_later(crew: Crew) -> None:
    gate = Gate(picture)
    dead, heir = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([Gate(picture)]))
    await crew.submits()
    await claims(dead, gate)
    await takes_over(heir)

    crew.clock.pass_time(30)
    for _ in range(LEASE_S + 1):
        await takes_over(heir)
        crew.clock.pass_time(1)
    await takes_over(heir)

    assert await crew.owners() == [heir.dispatcher.owner]


async def test_what_was_handed_back_is_taken_up_at_once_although_there_was_a_gap(crew: Crew) -> None:
    gate = Gate(picture)
    stopped, heir = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([picture]))
    task = await crew.submits()
    await claims(stopped, gate)
    await takes_over(heir)
    crew.clock.pass_time(30)
    await crew.limner.store.run(lambda records: records.tasks.release_leases(stopped.dispatcher.owner, [task]))

    await takes_over(heir)
    await finishes(heir)

    assert (await crew.task(task)).status is Status.SUCCESS


async def test_a_lease_from_before_the_clock_was_set_back_runs_out_like_any_other(crew: Crew) -> None:
    gate = Gate(picture)
    dead, heir = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([Gate(picture)]))
    await crew.submits()
    await claims(dead, gate)
    await takes_over(heir)

    crew.clock.pass_time(-AN_HOUR_S)
    for _ in range(2 * LEASE_S + 2):
        await takes_over(heir)
        crew.clock.pass_time(1)

    assert await crew.owners() == [heir.dispatcher.owner]


async def test_a_living_worker_keeps_its_tasks_when_the_clock_was_set_back(crew: Crew) -> None:
    gate = Gate(picture)
    living, other = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([]))
    task = await crew.submits()
    await claims(living, gate)
    await takes_over(other)

    crew.clock.pass_time(-AN_HOUR_S)
    for _ in range(3 * LEASE_S):
        await takes_over(other)
        await living.leases.renew()
        crew.clock.pass_time(1)
    owners = await crew.owners()
    gate.opened.set()
    await finishes(living)

    assert owners == [living.dispatcher.owner]
    assert await crew.outcomes(task) == ["picture"]
