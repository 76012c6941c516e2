"""The signed copies of pictures, on both databases."""

from limner.db.tables.provenance.signed_copies import SignedCopy
from limner.domain.ids import TaskId
from stores import ServiceHarness


async def test_of_two_signed_copies_the_first_stands(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account("a", 100))
    first = SignedCopy(task, "generated_image", "key", b"layout", service.clock.now_ms())
    second = SignedCopy(task, "generated_image", "another", b"other", service.clock.now_ms())

    stands = await service.store.run(lambda records: records.signed_copies.add(first))
    still = await service.store.run(lambda records: records.signed_copies.add(second))

    assert (stands, still) == (first, first)


async def test_a_task_that_is_not_there_gets_no_signed_copy(service: ServiceHarness) -> None:
    nobody = SignedCopy(TaskId("none"), "generated_image", "key", b"layout", 1)

    assert await service.store.run(lambda records: records.signed_copies.add(nobody)) is None
