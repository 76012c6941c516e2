"""Who may go on with a task that somebody else began, and when."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crash.crew import LEASE_S, Crew, Gate, claims, finishes, takes_over
from fakes import ScriptedProvider, picture
from limner.domain.tasks.task import Status
from limner.worker.lease_owner import LeaseOwner, is_dead, this_process

ME = this_process()


@pytest.fixture
def somebody() -> Iterator["subprocess.Popen[bytes]"]:
    """Another live process of this machine."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def a_dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


async def test_the_task_of_a_dead_worker_of_this_machine_is_taken_over_at_once(crew: Crew) -> None:
    gate = Gate(picture)
    dead = crew.hires(ScriptedProvider([gate]), replace(ME, pid=a_dead_pid()))
    heir = crew.hires(ScriptedProvider([picture]), ME)
    task = await crew.submits()
    await claims(dead, gate)

    await takes_over(heir)
    await finishes(heir)

    assert (await crew.task(task)).status is Status.SUCCESS
    assert await crew.outcomes(task) == ["unknown_outcome", "picture"]


async def test_a_live_worker_is_never_robbed(crew: Crew, somebody: "subprocess.Popen[bytes]") -> None:
    gate = Gate(picture)
    living = crew.hires(ScriptedProvider([gate]), replace(ME, pid=somebody.pid))
    envious = crew.hires(ScriptedProvider([]), ME)
    await crew.submits()
    await claims(living, gate)

    for _ in range(3):
        await takes_over(envious)

    assert await crew.owners() == [living.dispatcher.owner]
    assert len(envious.running) == 0


async def test_of_another_machine_a_task_is_taken_over_only_when_its_lease_has_run_out(crew: Crew) -> None:
    gate = Gate(picture)
    far = crew.hires(ScriptedProvider([gate]), LeaseOwner("another machine", a_dead_pid(), "run"))
    near = crew.hires(ScriptedProvider([Gate(picture)]), ME)
    await crew.submits()
    await claims(far, gate)

    await takes_over(near)
    early = await crew.owners()
    for _ in range(LEASE_S + 1):
        crew.clock.pass_time(1)
        await takes_over(near)

    assert early == [far.dispatcher.owner]
    assert await crew.owners() == [near.dispatcher.owner]


async def test_a_renewed_lease_does_not_run_out(crew: Crew) -> None:
    gate = Gate(picture)
    slow, near = crew.hires(ScriptedProvider([gate])), crew.hires(ScriptedProvider([]))
    await crew.submits()
    await claims(slow, gate)

    for _ in range(4):
        crew.clock.pass_time(6)
        await slow.leases.renew()
        await takes_over(near)

    assert await crew.owners() == [slow.dispatcher.owner]


async def test_of_two_rescuers_one_gets_the_task(crew: Crew) -> None:
    gates = [Gate(picture) for _ in range(3)]
    gone, *heirs = [crew.hires(ScriptedProvider([gate])) for gate in gates]
    await crew.submits()
    await claims(gone, gates[0])
    crew.lease_runs_out()

    await asyncio.gather(*(takes_over(heir) for heir in heirs))

    assert sorted(len(heir.running) for heir in heirs) == [0, 1]


async def test_claiming_and_taking_over_share_one_capacity(crew: Crew) -> None:
    gate = Gate(picture)
    gone = crew.hires(ScriptedProvider([gate]))
    heir = crew.hires(ScriptedProvider([Gate(picture), Gate(picture)]))
    heir.dispatcher.capacity = 1
    await crew.submits()
    await claims(gone, gate)
    crew.lease_runs_out()
    await crew.submits()

    await asyncio.gather(
        heir.dispatcher.claim(lambda records, *lease: records.tasks.rescue(*lease)),
        heir.dispatcher.claim(lambda records, *lease: records.tasks.claim(*lease)),
    )

    assert len(heir.running) == 1


async def test_a_task_asked_to_stop_before_its_worker_died_is_stopped_and_nothing_is_bought(crew: Crew) -> None:
    gate = Gate(picture)
    gone, vendor = crew.hires(ScriptedProvider([gate])), ScriptedProvider([picture])
    heir = crew.hires(vendor)
    task = await crew.submits()
    await claims(gone, gate)
    await crew.limner.cancel(crew.key.account, task)
    crew.lease_runs_out()

    await takes_over(heir)
    await finishes(heir)

    assert (await crew.task(task)).status is Status.CANCELLED
    assert vendor.submits == []
    assert await crew.faults() == []


def test_a_process_that_nobody_has_buried_is_dead() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        lies_there = Path(f"/proc/{process.pid}").exists()
        dead = is_dead(str(replace(ME, pid=process.pid)), ME)

    assert lies_there
    assert dead


def test_another_worker_of_this_process_s_number_is_dead() -> None:
    assert is_dead(str(replace(ME, run="before")), ME)


def test_nothing_is_known_of_an_owner_that_is_no_identity() -> None:
    assert not is_dead("worker", ME)
