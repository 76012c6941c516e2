"""Conditions of single statements that no larger scenario reaches: fences of owners, pins and accounts."""

from integration.store.webhook_harness import webhook_harness
from limner.domain.ids import BlobId, TaskId
from stores import ServiceHarness

BLOB = BlobId("cd" * 32)
LEASE_MS = 60_000


async def stored_blob(service: ServiceHarness, holder: str = "a task") -> None:
    """A row of a blob that `holder` pinned."""
    now_ms = service.clock.now_ms()
    assert await service.store.run(lambda records: records.blobs.pin(BLOB, holder, 3, "image/png", now_ms))


async def mark(service: ServiceHarness, owner: str = "first") -> list[BlobId]:
    now_ms = service.clock.now_ms()
    marked = await service.store.run(lambda records: records.blobs.mark_for_deletion([BLOB], owner, now_ms))
    return [each.blob for each in marked]


async def test_a_pinned_blob_is_not_marked_for_deletion(service: ServiceHarness) -> None:
    await stored_blob(service)

    pinned = await mark(service)
    await service.execute_sql("DELETE FROM blob_pins")

    assert pinned == []
    assert await mark(service) == [BLOB]


async def test_a_marked_blob_cannot_be_pinned(service: ServiceHarness) -> None:
    await stored_blob(service)
    await service.execute_sql("DELETE FROM blob_pins")
    await mark(service)
    now_ms = service.clock.now_ms()

    pinned = await service.store.run(lambda records: records.blobs.pin(BLOB, "another", 3, "image/png", now_ms))

    assert not pinned
    assert await service.query("SELECT holder FROM blob_pins") == []


async def test_a_marked_blob_cannot_be_referred_to(service: ServiceHarness) -> None:
    await stored_blob(service)
    before = await service.store.run(lambda records: records.blobs.lock(BLOB))
    await service.execute_sql("DELETE FROM blob_pins")
    await mark(service)

    after = await service.store.run(lambda records: records.blobs.lock(BLOB))

    assert (before, after) == (True, False)


async def test_a_janitor_that_lost_its_mark_does_not_remove_the_row(service: ServiceHarness) -> None:
    await stored_blob(service)
    await service.execute_sql("DELETE FROM blob_pins")
    await mark(service, "first")
    now_ms = service.clock.now_ms()
    await service.store.run(lambda records: records.blobs.take_over_marks("second", ["first"], now_ms, 1, 10))

    await service.store.run(lambda records: records.blobs.remove_deleted([BLOB], "first"))
    kept = await service.query("SELECT id FROM blobs")
    await service.store.run(lambda records: records.blobs.remove_deleted([BLOB], "second"))

    assert kept == [(BLOB,)]
    assert await service.query("SELECT id FROM blobs") == []


async def test_a_snapshot_has_only_the_account_s_unfinished_tasks(service: ServiceHarness) -> None:
    ada, bob = await service.open_account("ada"), await service.open_account("bob")
    own, _other = await service.submit_task(ada), await service.submit_task(bob)

    found = await service.store.read(lambda records: records.tasks.unfinished_of(ada.account, None, 10))

    assert list(found) == [own]


async def test_a_page_has_only_the_account_s_tasks(service: ServiceHarness) -> None:
    ada, bob = await service.open_account("ada"), await service.open_account("bob")
    own, _other = await service.submit_task(ada), await service.submit_task(bob)

    page = await service.store.read(lambda records: records.tasks.page(ada.account, 10, 0))

    assert [task.id for task in page] == [own]


async def test_progress_is_not_written_without_the_lease(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks("owner")
    now_ms = service.clock.now_ms()

    await renew(service, "other", task, now_ms, 50)
    ignored = (await service.task(task)).progress
    await renew(service, "owner", task, now_ms, 20)

    assert (ignored, (await service.task(task)).progress) == (0, 20)


async def renew(service: ServiceHarness, owner: str, task: TaskId, now_ms: int, percent: int) -> None:
    await service.store.run(lambda records: records.tasks.renew(owner, now_ms, LEASE_MS, {task: percent}))


async def test_a_leased_delivery_is_not_leased_again(service: ServiceHarness) -> None:
    async with webhook_harness(service) as hooks:
        webhook = (await hooks.add()).webhook.id
        await hooks.run_task()
        delivery = (await hooks.history(webhook)).delivery.id
        now_ms = service.clock.now_ms()

        leases = [
            await service.store.run(
                lambda records, owner=owner: records.deliveries.lease(delivery, owner, now_ms, LEASE_MS)
            )
            for owner in ("first", "second")
        ]

    assert [lease is not None for lease in leases] == [True, False]
