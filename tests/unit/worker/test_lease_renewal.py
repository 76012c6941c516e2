"""Keeping leases alive and passing on progress."""

from fakes import never_answers
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from stores import LEASE_MS
from unit.worker.conftest import WorkerHarness


async def started_tasks(harness: WorkerHarness, many: int = 1) -> list[TaskId]:
    harness.script_vendor(*[never_answers] * many)
    tasks = await harness.submit_tasks(many)
    await harness.claim()
    await harness.vendor.wait_for_calls(many)
    return tasks


async def until(harness: WorkerHarness) -> list[int]:
    return [row[0] for row in await harness.service.query("SELECT lease_until_ms FROM tasks")]


async def test_a_lease_is_renewed_when_a_third_of_its_time_has_gone(harness: WorkerHarness) -> None:
    await started_tasks(harness)
    await harness.leases.renew()
    began_ms, ends = harness.service.clock.ms, []
    for _ in range(4):
        harness.service.clock.ms += LEASE_MS // 6
        await harness.leases.renew()
        ends += await until(harness)

    renewed = [end - began_ms - LEASE_MS for end in ends]
    assert renewed == [0, LEASE_MS // 3, LEASE_MS // 3, LEASE_MS * 2 // 3]
    await harness.interrupt_all()


async def test_a_worker_that_renews_keeps_its_tasks(harness: WorkerHarness) -> None:
    await started_tasks(harness, 3)
    for _ in range(100):
        harness.service.clock.pass_time(0.5)
        await harness.leases.renew()

    assert await harness.service.rescue_tasks() == []
    await harness.interrupt_all()


async def test_reported_progress_is_written_at_the_next_renewal(harness: WorkerHarness) -> None:
    [task] = await started_tasks(harness)
    await harness.leases.renew()
    harness.running.tasks[task].report(42)
    harness.service.clock.pass_time(0.5)

    await harness.leases.renew()

    assert (await harness.task(task)).progress == 42
    await harness.interrupt_all()


async def test_a_task_somebody_else_took_is_let_go(harness: WorkerHarness) -> None:
    lost, kept = await started_tasks(harness, 2)
    await harness.service.execute_sql("UPDATE tasks SET lease_owner = 'another' WHERE id = :id", id=lost)
    harness.service.clock.pass_time(6)

    await harness.leases.renew()
    hand = harness.running.tasks[lost].work
    assert hand
    await hand

    assert list(harness.running.tasks) == [kept]
    assert (await harness.task(lost)).status is Status.RUNNING
    await harness.interrupt_all()


async def test_a_cancellation_in_another_process_is_seen_at_the_next_renewal(harness: WorkerHarness) -> None:
    [task] = await started_tasks(harness)
    await harness.service.store.run(lambda records: records.tasks.request_cancel(task))
    harness.service.clock.pass_time(6)

    await harness.leases.renew()
    await harness.wait_until_idle()

    assert (await harness.task(task)).status is Status.CANCELLED


async def test_nothing_is_written_without_running_tasks(harness: WorkerHarness) -> None:
    await harness.service.store.close()

    await harness.leases.renew()

    assert len(harness.running) == 0


async def test_a_clock_that_is_set_back_loses_no_lease(harness: WorkerHarness) -> None:
    await started_tasks(harness)
    await harness.leases.renew()
    harness.service.clock.pass_time(-3600)
    await harness.leases.renew()
    harness.service.clock.pass_time(LEASE_MS / 1000)

    assert await until(harness) == [harness.service.clock.ms]
    await harness.interrupt_all()
