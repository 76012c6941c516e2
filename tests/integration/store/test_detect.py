"""What is known of a picture costs the same however many tasks have it."""

from collections.abc import Sequence

import pytest

from fakes import picture_file
from limner.application.provenance import detect as detecting
from limner.application.provenance.detect import Detect
from limner.db.open_store import open_store
from limner.db.sql import StatementCount
from limner.db.tables.keys import Key
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.task import Ending, Result, Status
from limner.intake.image_intake import ImageIntake
from stores import ServiceHarness


async def pictured(service: ServiceHarness, key: Key, many: int) -> Sequence[TaskId]:
    """Tasks of the account whose picture is that of `picture_file`."""
    stored = await service.blobs.identify(picture_file(service.folder))
    ending = Ending(
        Status.SUCCESS, consumed=5, result=Result(BlobId(stored.blob), "image/png", "png", 8, 8), served_by={}
    )
    tasks = [await service.submit_task(key) for _ in range(many)]
    await service.claim_tasks(limit=many)
    for task in tasks:
        await service.settle_task(task, ending)
    return tasks


async def test_another_account_learns_that_a_picture_is_ours_and_no_task(service: ServiceHarness) -> None:
    ada, bob = await service.open_account("ada"), await service.open_account("bob")
    (task,) = await pictured(service, ada, 1)
    detect = Detect(service.store, ImageIntake())

    mine, theirs = [await detect(picture_file(service.folder), key.account) for key in (ada, bob)]

    assert (mine.ours, [each.task for each in mine.own]) == (True, [task])
    assert (theirs.ours, theirs.own) == (True, [])


async def test_a_picture_of_many_tasks_is_looked_up_in_as_few_statements(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "SHOWN", 3)
    key, count = await service.open_account(), StatementCount()
    tasks = await pictured(service, key, 8)
    store = open_store(service.url, local_clock=True, statements=count)
    try:
        found = await Detect(store, ImageIntake())(picture_file(service.folder), key.account)
    finally:
        await store.close()

    shown = [each.task for each in found.own]
    assert len(shown) == len(set(shown) & set(tasks)) == 3
    assert count.take() <= 4, "one for each form that the file may have had"
