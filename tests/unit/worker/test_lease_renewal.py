"""Keeping leases alive and passing on progress."""

from fakes import silence
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status
from stores import LEASE_MS
from unit.worker.conftest import Shop


async def in_hand(shop: Shop, many: int = 1) -> list[TaskId]:
    shop.tells(*[silence] * many)
    tasks = await shop.sends(many)
    await shop.claims()
    await shop.vendor.was_called(many)
    return tasks


async def until(shop: Shop) -> list[int]:
    return [row[0] for row in await shop.house.look("SELECT lease_until_ms FROM tasks")]


async def test_a_lease_is_renewed_when_a_third_of_its_time_has_gone(shop: Shop) -> None:
    await in_hand(shop)
    await shop.leases.beat()
    began_ms, ends = shop.house.clock.ms, []
    for _ in range(4):
        shop.house.clock.ms += LEASE_MS // 6
        await shop.leases.beat()
        ends += await until(shop)

    renewed = [end - began_ms - LEASE_MS for end in ends]
    assert renewed == [0, LEASE_MS // 3, LEASE_MS // 3, LEASE_MS * 2 // 3]
    await shop.stops()


async def test_a_worker_that_beats_keeps_its_tasks_for_ever(shop: Shop) -> None:
    await in_hand(shop, 3)
    for _ in range(100):
        shop.house.clock.pass_time(0.5)
        await shop.leases.beat()

    assert await shop.house.rescues() == []
    await shop.stops()


async def test_reported_progress_reaches_the_database_at_the_next_beat(shop: Shop) -> None:
    [task] = await in_hand(shop)
    await shop.leases.beat()
    shop.running.tasks[task].report(42)
    shop.house.clock.pass_time(0.5)

    await shop.leases.beat()

    assert (await shop.task(task)).progress == 42
    await shop.stops()


async def test_a_task_somebody_else_took_is_let_go(shop: Shop) -> None:
    lost, kept = await in_hand(shop, 2)
    await shop.house.tamper("UPDATE tasks SET lease_owner = 'another' WHERE id = :id", id=lost)
    shop.house.clock.pass_time(6)

    await shop.leases.beat()
    hand = shop.running.tasks[lost].work
    assert hand
    await hand

    assert list(shop.running.tasks) == [kept]
    assert (await shop.task(lost)).status is Status.RUNNING
    await shop.stops()


async def test_a_cancellation_asked_in_another_process_is_heard_at_a_beat(shop: Shop) -> None:
    [task] = await in_hand(shop)
    await shop.house.store.run(lambda records: records.tasks.request_cancel(task))
    shop.house.clock.pass_time(6)

    await shop.leases.beat()
    await shop.ends()

    assert (await shop.task(task)).status is Status.CANCELLED


async def test_with_nothing_in_hand_nothing_is_written(shop: Shop) -> None:
    await shop.house.store.close()

    await shop.leases.beat()

    assert len(shop.running) == 0


async def test_a_clock_that_is_set_back_loses_no_lease(shop: Shop) -> None:
    await in_hand(shop)
    await shop.leases.beat()
    shop.house.clock.pass_time(-3600)
    await shop.leases.beat()
    shop.house.clock.pass_time(LEASE_MS / 1000)

    assert await until(shop) == [shop.house.clock.ms]
    await shop.stops()
