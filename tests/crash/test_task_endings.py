"""Every way a task can end: one final event, and its held credits are either settled or released."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crash.workers import HeldAnswer, WorkerPool, claim, take_over, until, wait_until_idle
from fakes import ScriptedProvider, invalid_picture, picture
from limner.application.tasks.execute import ExecuteTask
from limner.db.sql import Sql
from limner.domain.ids import TaskId
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.task import Status
from limner.ports.blobs import Stored
from limner.ports.provider import Accepted, Pending
from stores import raw_database

TAKEN = Accepted({"job": "7"}, wait_s=0)
QUEUE_S, RUN_S = 3600, 900

SETTLED, RELEASED = ["hold", "settle"], ["hold", "release"]


@dataclass(frozen=True, slots=True)
class End:
    """What is stored of a task's end: its status, its ledger movements, and its final events."""

    status: Status
    moved: list[str]
    ends: list[str]


def once(status: Status, moved: list[str]) -> End:
    return End(status, moved, [status.value])


SUCCESS, FAILED = once(Status.SUCCESS, SETTLED), once(Status.FAILED, RELEASED)
BANNED, CANCELLED = once(Status.BANNED, RELEASED), once(Status.CANCELLED, RELEASED)
EXPIRED = once(Status.EXPIRED, RELEASED)


async def end_of(workers: WorkerPool, task: TaskId) -> End:
    assert await workers.ledger_faults() == []
    status = (await workers.task(task)).status
    moved, ends = await asyncio.to_thread(_written, workers.limner.settings.resolved_database_url, task)
    return End(status, moved, ends)


def _written(url: str, task: TaskId) -> tuple[list[str], list[str]]:
    with raw_database(url) as db:
        moved = db.all(Sql("SELECT movement FROM ledger WHERE task = :task ORDER BY id"), {"task": task})
        ends = db.all(Sql("SELECT status FROM task_events WHERE task = :task ORDER BY id"), {"task": task})
    return [row[0] for row in moved], [row[0] for row in ends if Status(row[0]).final]


@dataclass
class HeldBlobs:
    """A blob store whose `put` waits until `released`."""

    blobs: Any
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self, source: Path) -> Stored:
        stored: Stored = await self.blobs.identify(source)
        return stored

    async def put(self, source: Path, stored: Stored, **more: Any) -> None:
        self.reached.set()
        await self.released.wait()
        await self.blobs.put(source, stored, **more)


# --- deadlines ----------------------------------------------------------------------------------------------------


async def test_a_task_expires_when_it_waits_longer_than_the_queue_deadline(workers: WorkerPool) -> None:
    vendor = ScriptedProvider([])
    task = await workers.submit_task()
    workers.clock.pass_time(QUEUE_S + 1)

    await asyncio.gather(*(take_over(workers.make_worker(vendor)) for _ in range(3)))

    assert await end_of(workers, task) == EXPIRED
    assert vendor.submits == []


async def test_a_job_that_is_not_done_by_the_deadline_fails_its_task(workers: WorkerPool) -> None:
    worker = workers.make_worker(ScriptedProvider([TAKEN, *[Pending(50, wait_s=300)] * 3]))
    task = await workers.submit_task()

    await claim(worker)
    await wait_until_idle(worker)

    assert await end_of(workers, task) == FAILED
    assert (await workers.task(task)).error_msg == f"not done within {RUN_S} seconds"
    assert await workers.outcomes(task) == ["given_up"]


@pytest.mark.parametrize("job", [[], [TAKEN]])
async def test_a_picture_delivered_after_the_deadline_ends_the_task_with_success(
    workers: WorkerPool, job: list[Accepted]
) -> None:
    held = HeldAnswer(picture)
    worker = workers.make_worker(ScriptedProvider([*job, held]))
    task = await workers.submit_task()
    await claim(worker, held)
    workers.clock.pass_time(RUN_S + 1)

    held.released.set()
    await wait_until_idle(worker)

    assert await end_of(workers, task) == SUCCESS


async def test_a_broken_picture_after_the_deadline_is_not_bought_again(workers: WorkerPool) -> None:
    held, vendor = HeldAnswer(invalid_picture), ScriptedProvider([])
    vendor.script = [held, picture]
    worker = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(worker, held)
    workers.clock.pass_time(RUN_S + 1)

    held.released.set()
    await wait_until_idle(worker)

    assert await end_of(workers, task) == FAILED
    assert len(vendor.submits) == 1
    assert [(each.outcome, each.charged) for each in await workers.attempts(task)] == [("bad_output", True)]


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_a_queued_task_is_cancelled(workers: WorkerPool) -> None:
    worker = workers.make_worker(ScriptedProvider([]))
    task = await workers.submit_task()

    await workers.limner.cancel(workers.key.account, task)
    await worker.dispatcher._claim_queued()

    assert await end_of(workers, task) == CANCELLED


async def test_a_running_task_is_cancelled(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    worker = workers.make_worker(ScriptedProvider([TAKEN, held]))
    task = await workers.submit_task()
    await claim(worker, held)

    await workers.limner.cancel(workers.key.account, task)
    await worker.leases.renew()
    await wait_until_idle(worker)

    assert await end_of(workers, task) == CANCELLED
    assert await workers.outcomes(task) == ["given_up"]


async def test_a_task_cancelled_while_its_picture_is_stored_succeeds(workers: WorkerPool) -> None:
    blobs = HeldBlobs(workers.limner.blobs)
    workers.limner = replace(workers.limner, blobs=blobs)
    task = await workers.submit_task()
    worker = workers.make_worker(ScriptedProvider([picture]))
    await claim(worker)
    await until(blobs.reached)

    asked = await workers.limner.cancel(workers.key.account, task)
    await worker.leases.renew()
    blobs.released.set()
    await wait_until_idle(worker)

    assert asked.status is Status.RUNNING
    assert await end_of(workers, task) == SUCCESS
    assert await workers.outcomes(task) == ["picture"]


async def test_a_task_cancelled_after_its_picture_is_stored_succeeds(workers: WorkerPool) -> None:
    struck = workers.make_worker(ScriptedProvider([picture]), faults={ExecuteTask.end.__qualname__: 1})
    successor = workers.make_worker(ScriptedProvider([]))
    task = await workers.submit_task()
    await claim(struck)
    await wait_until_idle(struck)

    await workers.limner.cancel(workers.key.account, task)
    workers.expire_leases()
    await take_over(successor)
    await wait_until_idle(successor)

    assert await end_of(workers, task) == SUCCESS


# --- failures of the vendor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "end"),
    [(FailureKind.BAD_INPUT, FAILED), (FailureKind.AUTH, FAILED), (FailureKind.CONTENT_POLICY, BANNED)],
)
async def test_a_permanent_failure_of_the_vendor_ends_the_task(
    workers: WorkerPool, kind: FailureKind, end: End
) -> None:
    worker = workers.make_worker(ScriptedProvider([Failure(kind, "no")]))
    task = await workers.submit_task()

    await claim(worker)
    await wait_until_idle(worker)

    assert await end_of(workers, task) == end


# --- concurrency ----------------------------------------------------------------------------------------------------


async def test_only_one_of_a_concurrent_expiry_cancellation_and_claim_ends_a_task(workers: WorkerPool) -> None:
    tasks = [await workers.submit_task() for _ in range(12)]
    workers.clock.pass_time(QUEUE_S + 1)
    two = [workers.make_worker(ScriptedProvider([picture] * 12)) for _ in range(2)]

    await asyncio.gather(
        *(take_over(worker) for worker in two),
        *(worker.dispatcher._claim_queued() for worker in two),
        *(workers.limner.cancel(workers.key.account, task) for task in tasks),
    )
    for worker in two:
        await worker.leases.renew()
        await wait_until_idle(worker)

    ends = [await end_of(workers, task) for task in tasks]
    assert ends == [once(end.status, SETTLED if end.status is Status.SUCCESS else RELEASED) for end in ends]
    assert await workers.owners() == []
