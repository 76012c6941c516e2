"""Workers that are slow, disconnected or defective lose no purchase and violate no invariant."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crash.workers import DAY_S, HeldAnswer, WorkerPool, claim, take_over, until, wait_until_idle
from fakes import CancellingVendor, FrozenClock, ScriptedProvider, never_answers, picture
from limner.application.generation.journal import WRITE_RETRIES_S, SpendJournal
from limner.db.tables.attempts import LATE_HANDLE, LATE_PICTURE, Attempt
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


async def test_a_worker_that_lost_its_lease_buys_nothing_more(workers: WorkerPool) -> None:
    slow_held, held = HeldAnswer(NOTHING), HeldAnswer(picture)
    slow_vendor, vendor = ScriptedProvider([TAKEN, slow_held, picture]), ScriptedProvider([held])
    slow, successor = workers.make_worker(slow_vendor), workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(slow, slow_held)
    workers.expire_leases()
    await take_over(successor)
    await until(held.reached)

    slow_held.released.set()
    await wait_until_idle(slow)
    held.released.set()
    await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.SUCCESS
    assert (len(slow_vendor.submits), len(vendor.submits)) == (1, 0)
    assert len(await workers.attempts(task)) == 1


async def test_the_first_of_two_pictures_counts_and_both_are_journaled_as_charged(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    slow, successor = (
        workers.make_worker(ScriptedProvider([held])),
        workers.make_worker(ScriptedProvider([another_picture])),
    )
    task = await workers.submit_task()
    await claim(slow, held)
    workers.expire_leases()
    await take_over(successor)
    await wait_until_idle(successor)
    before = await workers.task(task)

    held.released.set()
    await wait_until_idle(slow)

    late, counted = await workers.attempts(task)
    assert await workers.task(task) == before
    assert (late.state, late.outcome, late.charged) == ("closed", "unknown_outcome", True)
    assert (late.detail, counted.detail) == (LATE_PICTURE, None)
    assert (counted.state, counted.outcome, counted.charged) == ("closed", "picture", True)
    assert before.result
    path = await workers.limner.blobs.local(before.result.blob, workers.limner.scratch.folder)
    assert path.read_bytes() == card("another")
    assert await workers.ledger_faults() == []


async def test_a_job_whose_handle_comes_after_its_order_was_given_up_is_stopped(workers: WorkerPool) -> None:
    held, vendor = HeldAnswer(TAKEN), CancellingVendor()
    vendor.script.append(held)
    cut_off, successor = workers.make_worker(vendor), workers.make_worker(ScriptedProvider([picture]))
    task = await workers.submit_task()
    await claim(cut_off, held)
    workers.expire_leases()
    await take_over(successor)
    await wait_until_idle(successor)

    held.released.set()
    await wait_until_idle(cut_off)

    late, counted = await workers.attempts(task)
    assert (vendor.cancelled, vendor.polls) == ([TAKEN.handle], [])
    assert (late.state, late.outcome, late.handle) == ("closed", "unknown_outcome", TAKEN.handle)
    assert (late.detail, counted.detail) == (LATE_HANDLE, None)
    assert (await workers.task(task)).status is Status.SUCCESS


async def test_a_handle_that_is_written_while_another_worker_takes_over_is_not_given_up(workers: WorkerPool) -> None:
    """The successor has read the journal before the handle was in it."""
    held, vendor = HeldAnswer(TAKEN), ScriptedProvider([picture])
    cut_off, successor = workers.make_worker(ScriptedProvider([held])), workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(cut_off, held)
    workers.expire_leases()
    closes = successor.dispatcher.execute.generate.run_attempt.journal.close_orphaned

    async def handle_comes_first(journal: SpendJournal, *facts: Any) -> Attempt | None:
        held.released.set()
        await wait_until_idle(cut_off)
        return await closes(*facts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpendJournal, "close_orphaned", handle_comes_first)
        await take_over(successor)
        await wait_until_idle(successor)

    assert (vendor.submits, vendor.polls) == ([], [TAKEN.handle])
    assert await workers.outcomes(task) == ["picture"]


async def test_a_worker_whose_lease_expired_does_not_take_over_its_own_running_task(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    vendor = ScriptedProvider([held, picture])
    worker = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(worker, held)
    workers.expire_leases()

    await take_over(worker)
    held.released.set()
    await wait_until_idle(worker)

    assert (await workers.task(task)).status is Status.SUCCESS
    assert len(vendor.submits) == 1
    assert await workers.outcomes(task) == ["picture"]


async def test_a_cancellation_is_seen_after_the_clock_was_set_back(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    worker = workers.make_worker(ScriptedProvider([held]))
    task = await workers.submit_task()
    await claim(worker, held)
    await worker.leases.renew()
    await workers.limner.cancel(workers.key.account, task)

    workers.clock.pass_time(-3600)
    await worker.leases.renew()
    await wait_until_idle(worker)

    assert (await workers.task(task)).status is Status.CANCELLED


async def test_a_picture_that_could_not_be_settled_is_settled_by_the_next_worker_at_any_time(
    workers: WorkerPool,
) -> None:
    tries = len(WRITE_RETRIES_S) + 1
    struck = workers.make_worker(ScriptedProvider([picture]), faults={SpendJournal.delivered_with.__qualname__: tries})
    vendor = ScriptedProvider([])
    successor = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(struck)
    await wait_until_idle(struck)
    left = (await workers.task(task)).status
    workers.clock.pass_time(DAY_S)

    await take_over(successor)
    await wait_until_idle(successor)

    assert left is Status.RUNNING
    assert (await workers.task(task)).status is Status.SUCCESS
    assert (vendor.submits, vendor.polls) == ([], [])


async def test_a_bought_job_is_polled_at_any_time(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    gone, vendor = workers.make_worker(ScriptedProvider([TAKEN, held])), ScriptedProvider([picture])
    successor = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(gone, held)
    workers.clock.pass_time(DAY_S)

    await take_over(successor)
    await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.SUCCESS
    assert (vendor.submits, vendor.polls) == ([], [TAKEN.handle])


async def test_a_task_that_fails_in_every_worker_ends_although_something_was_bought(workers: WorkerPool) -> None:
    def breaks(_order: GenerationRequest) -> Delivered:
        raise ZeroDivisionError

    task = await workers.submit_task()
    await claim(first := workers.make_worker(ScriptedProvider([TAKEN, breaks])))
    await wait_until_idle(first)

    for _ in range(20):
        workers.expire_leases()
        await take_over(successor := workers.make_worker(ScriptedProvider([breaks])))
        await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.FAILED
    assert await workers.ledger_faults() == []


@pytest.mark.parametrize("unit", [SpendJournal.submitted.__qualname__, SpendJournal.delivered_with.__qualname__])
async def test_a_vendor_s_answer_is_journaled_although_the_database_fails_several_times(
    workers: WorkerPool, unit: str
) -> None:
    vendor = ScriptedProvider([TAKEN, picture])
    worker = workers.make_worker(vendor, faults={unit: 3})
    task = await workers.submit_task()

    await claim(worker)
    await wait_until_idle(worker)

    assert (await workers.task(task)).status is Status.SUCCESS
    assert len(vendor.submits) == 1


async def test_a_vendor_without_an_answer_is_not_asked_again_under_fail_and_refund(
    workers: WorkerPool,
) -> None:
    vendor = ScriptedProvider([never_answers, picture])
    worker = workers.make_worker(vendor, policy=UnknownOutcome.FAIL_AND_REFUND, deadline_s=0.05)
    task = await workers.submit_task()

    await claim(worker)
    await wait_until_idle(worker)

    ended = await workers.task(task)
    assert (ended.status, ended.error_code, ended.consumed) == (Status.FAILED, 1001, 0)
    assert len(vendor.submits) == 1
    assert await workers.outcomes(task) == ["unknown_outcome"]


async def test_a_worker_stopped_during_a_claim_leaves_the_task_to_the_next_worker(workers: WorkerPool) -> None:
    workers.clock = FrozenClock()
    for turns in range(15):
        task = await workers.submit_task()
        stopped, successor = (
            workers.make_worker(ScriptedProvider([picture])),
            workers.make_worker(ScriptedProvider([picture])),
        )
        stopped.start()
        for _ in range(turns):
            await turn()

        await stopped.stop()
        await take_over(successor)
        await successor.dispatcher._claim_queued()
        await wait_until_idle(successor)

        assert (await workers.task(task)).status is Status.SUCCESS


async def turn() -> None:
    """Let each coroutine run once; the database thread is in the middle of a call."""
    await asyncio.sleep(0)
