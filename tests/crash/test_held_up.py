"""Workers that are slow, cut off or struck by a fault of ours lose nothing that was bought, and do no harm."""

import asyncio
from pathlib import Path

import pytest

from crash.crew import A_DAY_S, Crew, Gate, claims, finishes, takes_over, until
from fakes import FrozenClock, ScriptedProvider, never_answers, picture
from limner.application.generation.journal import SpendJournal
from limner.application.tasks.execute import ExecuteTask
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Status
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Picture
from limner.providers.sandbox import card

TAKEN = Accepted({"job": "7"}, wait_s=0)
NOTHING = Failure(FailureKind.NO_IMAGE, "the vendor sent no picture")


def another_picture(order: GenerationRequest) -> Delivered:
    path = Path(order.workdir / "another.png")
    path.write_bytes(card("another"))
    return Delivered(Picture(path), cost_usd=0.04)


async def test_a_worker_that_lost_its_lease_buys_nothing_more(crew: Crew) -> None:
    slow_gate, gate = Gate(NOTHING), Gate(picture)
    slow_vendor, vendor = ScriptedProvider([TAKEN, slow_gate, picture]), ScriptedProvider([gate])
    slow, heir = crew.hires(slow_vendor), crew.hires(vendor)
    task = await crew.submits()
    await claims(slow, slow_gate)
    crew.lease_runs_out()
    await takes_over(heir)
    await until(gate.reached)

    slow_gate.opened.set()
    await finishes(slow)
    gate.opened.set()
    await finishes(heir)

    assert (await crew.task(task)).status is Status.SUCCESS
    assert (len(slow_vendor.submits), len(vendor.submits)) == (1, 0)
    assert len(await crew.attempts(task)) == 1


async def test_of_two_pictures_one_counts_and_both_are_known_to_be_paid_for(crew: Crew) -> None:
    gate = Gate(picture)
    slow, heir = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([another_picture]))
    task = await crew.submits()
    await claims(slow, gate)
    crew.lease_runs_out()
    await takes_over(heir)
    await finishes(heir)
    before = await crew.task(task)

    gate.opened.set()
    await finishes(slow)

    late, counted = await crew.attempts(task)
    assert await crew.task(task) == before
    assert (late.state, late.outcome, late.charged) == ("closed", "unknown_outcome", True)
    assert (counted.state, counted.outcome, counted.charged) == ("closed", "picture", True)
    assert before.result
    path = await crew.limner.blobs.local(before.result.blob, crew.limner.scratch.folder)
    assert path.read_bytes() == card("another")
    assert await crew.faults() == []


async def test_a_worker_held_up_until_its_own_lease_ran_out_does_not_begin_the_task_again(crew: Crew) -> None:
    gate = Gate(picture)
    vendor = ScriptedProvider([gate, picture])
    worker = crew.hires(vendor)
    task = await crew.submits()
    await claims(worker, gate)
    crew.lease_runs_out()

    await takes_over(worker)
    gate.opened.set()
    await finishes(worker)

    assert (await crew.task(task)).status is Status.SUCCESS
    assert len(vendor.submits) == 1
    assert await crew.outcomes(task) == ["picture"]


async def test_a_wish_to_cancel_is_heard_when_the_clock_was_set_back(crew: Crew) -> None:
    gate = Gate(picture)
    worker = crew.hires(ScriptedProvider([gate]))
    task = await crew.submits()
    await claims(worker, gate)
    await worker.leases.renew()
    await crew.limner.cancel(crew.key.account, task)

    crew.clock.pass_time(-3600)
    await worker.leases.renew()
    await finishes(worker)

    assert (await crew.task(task)).status is Status.CANCELLED


async def test_a_picture_that_could_not_be_settled_is_settled_by_the_next_worker_however_late(crew: Crew) -> None:
    struck = crew.hires(ScriptedProvider([picture]), faults={ExecuteTask.end.__qualname__: 1})
    vendor = ScriptedProvider([])
    heir = crew.hires(vendor)
    task = await crew.submits()
    await claims(struck)
    await finishes(struck)
    left = (await crew.task(task)).status
    crew.clock.pass_time(A_DAY_S)

    await takes_over(heir)
    await finishes(heir)

    assert left is Status.RUNNING
    assert (await crew.task(task)).status is Status.SUCCESS
    assert (vendor.submits, vendor.polls) == ([], [])


async def test_a_job_that_was_bought_is_asked_for_however_late(crew: Crew) -> None:
    gate = Gate(picture)
    gone, vendor = crew.hires(ScriptedProvider([TAKEN, gate])), ScriptedProvider([picture])
    heir = crew.hires(vendor)
    task = await crew.submits()
    await claims(gone, gate)
    crew.clock.pass_time(A_DAY_S)

    await takes_over(heir)
    await finishes(heir)

    assert (await crew.task(task)).status is Status.SUCCESS
    assert (vendor.submits, vendor.polls) == ([], [TAKEN.handle])


async def test_a_task_that_breaks_every_worker_ends_although_something_was_bought(crew: Crew) -> None:
    def breaks(_order: GenerationRequest) -> Delivered:
        raise ZeroDivisionError

    task = await crew.submits()
    await claims(first := crew.hires(ScriptedProvider([TAKEN, breaks])))
    await finishes(first)

    for _ in range(20):
        crew.lease_runs_out()
        await takes_over(heir := crew.hires(ScriptedProvider([breaks])))
        await finishes(heir)

    assert (await crew.task(task)).status is Status.FAILED
    assert await crew.faults() == []


@pytest.mark.parametrize("deed", [SpendJournal.submitted.__qualname__, SpendJournal.delivered.__qualname__])
async def test_what_the_vendor_answered_is_written_down_although_the_database_is_away_for_a_while(
    crew: Crew, deed: str
) -> None:
    vendor = ScriptedProvider([TAKEN, picture])
    worker = crew.hires(vendor, faults={deed: 3})
    task = await crew.submits()

    await claims(worker)
    await finishes(worker)

    assert (await crew.task(task)).status is Status.SUCCESS
    assert len(vendor.submits) == 1


async def test_a_silent_vendor_may_have_been_paid_and_is_not_asked_again_where_that_is_forbidden(crew: Crew) -> None:
    vendor = ScriptedProvider([never_answers, picture])
    worker = crew.hires(vendor, policy=UnknownOutcome.FAIL_AND_REFUND, patience_s=0.05)
    task = await crew.submits()

    await claims(worker)
    await finishes(worker)

    ended = await crew.task(task)
    assert (ended.status, ended.error_code, ended.consumed) == (Status.FAILED, 1001, 0)
    assert len(vendor.submits) == 1
    assert await crew.outcomes(task) == ["unknown_outcome"]


async def test_a_worker_stopped_while_it_takes_a_task_leaves_it_to_the_next(crew: Crew) -> None:
    crew.clock = FrozenClock()
    for turns in range(15):
        task = await crew.submits()
        stopped, heir = crew.hires(ScriptedProvider([picture])), crew.hires(ScriptedProvider([picture]))
        stopped.start()
        for _ in range(turns):
            await turn()

        await stopped.stop()
        await takes_over(heir)
        await heir.dispatcher._claim()
        await finishes(heir)

        assert (await crew.task(task)).status is Status.SUCCESS


async def turn() -> None:
    """Let everybody on the loop take one step; the database's thread is in the middle of something."""
    await asyncio.sleep(0)
