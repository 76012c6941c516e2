"""The figures over all accounts that operators and metrics see."""

from limner.application.operations.overview import FRESH_MS, ReadOverview
from limner.db.tables.operations.overview import ModelQueue
from stores import FAILED, LEASE_MS, ServiceHarness


async def test_the_queue_is_counted_by_model_with_its_oldest_task(service: ServiceHarness) -> None:
    key = await service.open_account()
    first = await service.task(await service.submit_task(key, model="gpt_image_2"))
    service.clock.pass_time(5)
    await service.submit_task(key, model="gpt_image_2")
    other = await service.task(await service.submit_task(key, model="midjourney"))
    queue = await service.store.read(lambda records: records.overview.queue())

    assert queue == [
        ModelQueue("gpt_image_2", 2, first.created_ms),
        ModelQueue("midjourney", 1, other.created_ms),
    ]


async def test_leases_are_counted_by_worker_and_the_expired_ones_too(service: ServiceHarness) -> None:
    key = await service.open_account()
    for _ in range(3):
        await service.submit_task(key)
    await service.claim_tasks("first", 2)
    await service.claim_tasks("second", 1)
    now_ms = service.clock.now_ms()
    holders = await service.store.read(lambda records: records.overview.lease_holders())
    expired = [
        await service.store.read(lambda records, at=at: records.overview.expired_leases(at))
        for at in (now_ms, now_ms + LEASE_MS + 1)
    ]

    assert [(each.owner, each.tasks) for each in holders] == [("first", 2), ("second", 1)]
    assert expired == [0, 3]


async def test_an_overview_is_read_once_within_a_moment(service: ServiceHarness) -> None:
    read = ReadOverview(service.store, service.routing, service.clock)
    key = await service.open_account()
    task = await service.submit_task(key)
    first = await read()
    await service.claim_tasks()
    same = await read()
    service.clock.pass_time(FRESH_MS / 1000)
    later = await read()
    await service.settle_task(task, FAILED)
    service.clock.pass_time(FRESH_MS / 1000)
    ended = await read()

    assert same is first
    assert [(each.queued, each.running) for each in (first, later, ended)] == [(1, 0), (0, 1), (0, 0)]
    assert (first.credits.available, first.credits.held) == (995, 5)
    assert (ended.credits.available, ended.credits.held) == (1000, 0)


async def test_an_empty_service_has_an_overview(service: ServiceHarness) -> None:
    overview = await ReadOverview(service.store, service.routing, service.clock)()

    assert (overview.queued, overview.running, overview.expired_leases) == (0, 0, 0)
    assert (overview.stored.files, overview.stored.size) == (0, 0)
    assert (overview.outbox.deliveries, overview.outbox.lanes, overview.outbox.open_lanes) == (0, 0, 0)
    assert {each.condition for each in overview.routes} == {"open"}
