"""When a worker may take over a task that another worker claimed."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crash.workers import LEASE_S, HeldAnswer, WorkerPool, claim, take_over, wait_until_idle
from fakes import ScriptedProvider, picture
from limner.domain.tasks.task import Status
from limner.worker.lease_owner import LeaseOwner, is_dead, this_process

ME = this_process()


@pytest.fixture
def live_process() -> Iterator["subprocess.Popen[bytes]"]:
    """Another live process on this machine."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def a_dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


async def test_the_task_of_a_dead_worker_on_this_machine_is_taken_over_at_once(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    dead = workers.make_worker(ScriptedProvider([held]), replace(ME, pid=a_dead_pid()))
    successor = workers.make_worker(ScriptedProvider([picture]), ME)
    task = await workers.submit_task()
    await claim(dead, held)

    await take_over(successor)
    await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.SUCCESS
    assert await workers.outcomes(task) == ["unknown_outcome", "picture"]


async def test_the_task_of_a_live_worker_is_not_taken_over(
    workers: WorkerPool, live_process: "subprocess.Popen[bytes]"
) -> None:
    held = HeldAnswer(picture)
    living = workers.make_worker(ScriptedProvider([held]), replace(ME, pid=live_process.pid))
    other = workers.make_worker(ScriptedProvider([]), ME)
    await workers.submit_task()
    await claim(living, held)

    for _ in range(3):
        await take_over(other)

    assert await workers.owners() == [living.dispatcher.owner]
    assert len(other.running) == 0


async def test_a_task_of_another_machine_is_taken_over_only_after_its_lease_expired(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    remote = workers.make_worker(ScriptedProvider([held]), LeaseOwner("another machine", a_dead_pid(), "run"))
    local = workers.make_worker(ScriptedProvider([HeldAnswer(picture)]), ME)
    await workers.submit_task()
    await claim(remote, held)

    await take_over(local)
    early = await workers.owners()
    for _ in range(LEASE_S + 1):
        workers.clock.pass_time(1)
        await take_over(local)

    assert early == [remote.dispatcher.owner]
    assert await workers.owners() == [local.dispatcher.owner]


async def test_a_renewed_lease_does_not_expire(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    slow, local = workers.make_worker(ScriptedProvider([held])), workers.make_worker(ScriptedProvider([]))
    await workers.submit_task()
    await claim(slow, held)

    for _ in range(4):
        workers.clock.pass_time(6)
        await slow.leases.renew()
        await take_over(local)

    assert await workers.owners() == [slow.dispatcher.owner]


async def test_only_one_of_two_rescuers_gets_the_task(workers: WorkerPool) -> None:
    held_answers = [HeldAnswer(picture) for _ in range(3)]
    gone, *successors = [workers.make_worker(ScriptedProvider([held])) for held in held_answers]
    await workers.submit_task()
    await claim(gone, held_answers[0])
    workers.expire_leases()

    await asyncio.gather(*(take_over(successor) for successor in successors))

    assert sorted(len(successor.running) for successor in successors) == [0, 1]


async def test_claims_and_takeovers_share_one_capacity(workers: WorkerPool) -> None:
    held = HeldAnswer(picture)
    gone = workers.make_worker(ScriptedProvider([held]))
    successor = workers.make_worker(ScriptedProvider([HeldAnswer(picture), HeldAnswer(picture)]))
    successor.dispatcher.capacity = 1
    await workers.submit_task()
    await claim(gone, held)
    workers.expire_leases()
    await workers.submit_task()

    await asyncio.gather(
        successor.dispatcher.claim(lambda records, *lease: records.tasks.rescue(*lease)),
        successor.dispatcher.claim(lambda records, *lease: records.tasks.claim(*lease)),
    )

    assert len(successor.running) == 1


async def test_a_task_cancelled_before_its_worker_died_is_cancelled_and_buys_nothing(
    workers: WorkerPool,
) -> None:
    held = HeldAnswer(picture)
    gone, vendor = workers.make_worker(ScriptedProvider([held])), ScriptedProvider([picture])
    successor = workers.make_worker(vendor)
    task = await workers.submit_task()
    await claim(gone, held)
    await workers.limner.cancel(workers.key.account, task)
    workers.expire_leases()

    await take_over(successor)
    await wait_until_idle(successor)

    assert (await workers.task(task)).status is Status.CANCELLED
    assert vendor.submits == []
    assert await workers.ledger_faults() == []


def test_a_zombie_process_is_dead() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        is_zombie = Path(f"/proc/{process.pid}").exists()
        dead = is_dead(str(replace(ME, pid=process.pid)), ME)

    assert is_zombie
    assert dead


def test_an_owner_with_our_pid_and_another_run_is_dead() -> None:
    assert is_dead(str(replace(ME, run="before")), ME)


def test_an_owner_that_cannot_be_parsed_is_not_dead() -> None:
    assert not is_dead("worker", ME)
