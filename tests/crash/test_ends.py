"""Every way a task can end: once, told once, and the credits it held are settled or released, never both."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crash.crew import Crew, Gate, claims, finishes, takes_over, until
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
    """What is written of a task's end: its status, how its credits moved, and the ends that its watchers were told."""

    status: Status
    moved: list[str]
    told: list[str]


def once(status: Status, moved: list[str]) -> End:
    return End(status, moved, [status.value])


SUCCESS, FAILED = once(Status.SUCCESS, SETTLED), once(Status.FAILED, RELEASED)
BANNED, CANCELLED = once(Status.BANNED, RELEASED), once(Status.CANCELLED, RELEASED)
EXPIRED = once(Status.EXPIRED, RELEASED)


async def end_of(crew: Crew, task: TaskId) -> End:
    assert await crew.faults() == []
    status = (await crew.task(task)).status
    moved, told = await asyncio.to_thread(_written, crew.limner.settings.resolved_database_url, task)
    return End(status, moved, told)


def _written(url: str, task: TaskId) -> tuple[list[str], list[str]]:
    with raw_database(url) as db:
        moved = db.all(Sql("SELECT movement FROM ledger WHERE task = :task ORDER BY id"), {"task": task})
        told = db.all(Sql("SELECT status FROM task_events WHERE task = :task ORDER BY id"), {"task": task})
    return [row[0] for row in moved], [row[0] for row in told if Status(row[0]).final]


@dataclass
class GatedBlobs:
    """A store of pictures that waits at the gate with what is bought."""

    blobs: Any
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self, source: Path) -> Stored:
        stored: Stored = await self.blobs.identify(source)
        return stored

    async def put(self, source: Path, stored: Stored) -> None:
        self.reached.set()
        await self.opened.wait()
        await self.blobs.put(source, stored)


# --- deadlines ----------------------------------------------------------------------------------------------------


async def test_a_task_that_waits_longer_than_it_may_expires(crew: Crew) -> None:
    vendor = ScriptedProvider([])
    task = await crew.submits()
    crew.clock.pass_time(QUEUE_S + 1)

    await asyncio.gather(*(takes_over(crew.hires(vendor)) for _ in range(3)))

    assert await end_of(crew, task) == EXPIRED
    assert vendor.submits == []


async def test_a_job_that_is_not_done_by_the_deadline_fails_its_task(crew: Crew) -> None:
    worker = crew.hires(ScriptedProvider([TAKEN, *[Pending(50, wait_s=300)] * 3]))
    task = await crew.submits()

    await claims(worker)
    await finishes(worker)

    assert await end_of(crew, task) == FAILED
    assert (await crew.task(task)).error_msg == f"not done within {RUN_S} seconds"
    assert await crew.outcomes(task) == ["given_up"]


@pytest.mark.parametrize("job", [[], [TAKEN]])
async def test_a_picture_that_the_vendor_delivers_after_the_deadline_counts(crew: Crew, job: list[Accepted]) -> None:
    """It is bought and there: nobody is served by throwing it away."""
    gate = Gate(picture)
    worker = crew.hires(ScriptedProvider([*job, gate]))
    task = await crew.submits()
    await claims(worker, gate)
    crew.clock.pass_time(RUN_S + 1)

    gate.opened.set()
    await finishes(worker)

    assert await end_of(crew, task) == SUCCESS


async def test_a_broken_picture_after_the_deadline_is_not_bought_again(crew: Crew) -> None:
    gate, vendor = Gate(invalid_picture), ScriptedProvider([])
    vendor.script = [gate, picture]
    worker = crew.hires(vendor)
    task = await crew.submits()
    await claims(worker, gate)
    crew.clock.pass_time(RUN_S + 1)

    gate.opened.set()
    await finishes(worker)

    assert await end_of(crew, task) == FAILED
    assert len(vendor.submits) == 1
    assert [(each.outcome, each.charged) for each in await crew.attempts(task)] == [("bad_output", True)]


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_a_task_is_cancelled_while_it_waits(crew: Crew) -> None:
    worker = crew.hires(ScriptedProvider([]))
    task = await crew.submits()

    await crew.limner.cancel(crew.key.account, task)
    await worker.dispatcher._claim()

    assert await end_of(crew, task) == CANCELLED


async def test_a_task_is_cancelled_while_its_vendor_works(crew: Crew) -> None:
    gate = Gate(picture)
    worker = crew.hires(ScriptedProvider([TAKEN, gate]))
    task = await crew.submits()
    await claims(worker, gate)

    await crew.limner.cancel(crew.key.account, task)
    await worker.leases.renew()
    await finishes(worker)

    assert await end_of(crew, task) == CANCELLED
    assert await crew.outcomes(task) == ["given_up"]


async def test_a_task_whose_picture_is_being_kept_when_it_is_cancelled_succeeds(crew: Crew) -> None:
    blobs = GatedBlobs(crew.limner.blobs)
    crew.limner = replace(crew.limner, blobs=blobs)
    task = await crew.submits()
    worker = crew.hires(ScriptedProvider([picture]))
    await claims(worker)
    await until(blobs.reached)

    asked = await crew.limner.cancel(crew.key.account, task)
    await worker.leases.renew()
    blobs.opened.set()
    await finishes(worker)

    assert asked.status is Status.RUNNING
    assert await end_of(crew, task) == SUCCESS
    assert await crew.outcomes(task) == ["picture"]


async def test_a_task_whose_picture_is_kept_and_not_settled_when_it_is_cancelled_succeeds(crew: Crew) -> None:
    struck = crew.hires(ScriptedProvider([picture]), faults={ExecuteTask.end.__qualname__: 1})
    heir = crew.hires(ScriptedProvider([]))
    task = await crew.submits()
    await claims(struck)
    await finishes(struck)

    await crew.limner.cancel(crew.key.account, task)
    crew.lease_runs_out()
    await takes_over(heir)
    await finishes(heir)

    assert await end_of(crew, task) == SUCCESS


# --- what the vendor says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "end"),
    [(FailureKind.BAD_INPUT, FAILED), (FailureKind.AUTH, FAILED), (FailureKind.CONTENT_POLICY, BANNED)],
)
async def test_a_vendor_s_no_ends_a_task(crew: Crew, kind: FailureKind, end: End) -> None:
    worker = crew.hires(ScriptedProvider([Failure(kind, "no")]))
    task = await crew.submits()

    await claims(worker)
    await finishes(worker)

    assert await end_of(crew, task) == end


# --- at once ------------------------------------------------------------------------------------------------------


async def test_of_an_expiry_a_cancellation_and_a_claim_at_once_one_decides(crew: Crew) -> None:
    tasks = [await crew.submits() for _ in range(12)]
    crew.clock.pass_time(QUEUE_S + 1)
    workers = [crew.hires(ScriptedProvider([picture] * 12)) for _ in range(2)]

    await asyncio.gather(
        *(takes_over(worker) for worker in workers),
        *(worker.dispatcher._claim() for worker in workers),
        *(crew.limner.cancel(crew.key.account, task) for task in tasks),
    )
    for worker in workers:
        await worker.leases.renew()
        await finishes(worker)

    ends = [await end_of(crew, task) for task in tasks]
    assert ends == [once(end.status, SETTLED if end.status is Status.SUCCESS else RELEASED) for end in ends]
    assert await crew.owners() == []
