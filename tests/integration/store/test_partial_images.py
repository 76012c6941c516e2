"""Previews in the store: added under the lease, told to watchers, kept from the garbage collection, and erased."""

from limner.application.retention.delete_unreferenced import DeleteUnreferenced
from limner.application.retention.erase import Erase
from limner.db.records import Records
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.task import Ending, PartialImage, Result, Status
from stores import ServiceHarness

ONE, TWO, LATE = (
    PartialImage("", number, Result(BlobId(digit * 64), "image/png", "png", 8, 8)) for number, digit in enumerate("abc")
)


async def added(service: ServiceHarness, task: TaskId, partial: PartialImage, owner: str = "worker") -> bool:
    def work(records: Records) -> bool:
        assert records.blobs.pin(partial.image.blob, task, 3, "image/png", service.clock.now_ms())
        return records.tasks.add_partial_image(task, partial, owner)

    return await service.store.run(work)


async def uses(service: ServiceHarness, task: TaskId) -> set[str]:
    return {blob for (blob,) in await service.query("SELECT blob FROM blob_uses WHERE holder = :task", task=task)}


async def test_previews_are_added_in_their_order_by_the_owner_of_the_lease_alone(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()

    assert [await added(service, task, each) for each in (ONE, TWO)] == [True, True]
    assert not await added(service, task, LATE, "another")
    assert (await service.task(task)).partial_images == (ONE, TWO)
    assert await uses(service, task) == {ONE.image.blob, TWO.image.blob}
    assert await service.query("SELECT blob FROM blob_pins") == []


async def test_a_task_that_has_ended_takes_none_and_is_erased_with_those_it_has(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    await added(service, task, ONE)
    await service.settle_task(task, Ending(Status.FAILED, error_code=1001, error_msg="no"))

    assert not await added(service, task, TWO)
    clean = DeleteUnreferenced(service.store, service.blobs, service.clock, "me", lambda _owner: False)
    receipt = await Erase(service.store, clean, service.clock)(None, task)
    assert (receipt.files, (await service.task(task)).partial_images) == (1, ())
    assert await uses(service, task) == set()
