"""Pictures without their metadata are recognised by their perceptual hash, on both databases."""

import io
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

from integration.store.retention_steps import eraser
from limner.application.provenance.detect import Detect
from limner.application.provenance.index_perceptual_hashes import OVERLAP_MS, IndexPerceptualHashes
from limner.db.tables.keys import Key
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.task import Ending, Result, Status
from limner.intake.image_intake import ImageIntake
from limner.worker.perceptual_hash_indexer import PerceptualHashIndexer
from stores import ServiceHarness


def drawing(seed: int) -> Image.Image:
    rng = random.Random(seed)
    made = Image.new("RGB", (160, 120), tuple(rng.choices(range(256), k=3)))
    draw = ImageDraw.Draw(made)
    for _ in range(6):
        left, top = rng.randrange(120), rng.randrange(90)
        draw.ellipse((left, top, left + rng.randrange(20, 80), top + 40), fill=tuple(rng.choices(range(256), k=3)))
    return made


def encoded(made: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    made.save(out, kind)
    return out.getvalue()


async def make(service: ServiceHarness, key: Key, picture: bytes, *, phash: bool) -> TaskId:
    """A finished task with this picture, whose perceptual hash is in its row or still to be made."""
    intake, stored = ImageIntake(), await service.blobs.identify(picture)
    seen = await intake.inspect(picture)
    task = await service.submit_task(key)
    await service.claim_tasks(limit=1)
    now_ms = service.clock.now_ms()
    await service.store.run(
        lambda records: records.blobs.pin(
            stored.blob, task, stored.size, "image/png", now_ms, seen.phash if phash else None
        )
    )
    await service.blobs.put(picture, stored)
    result = Result(BlobId(stored.blob), "image/png", "png", seen.width, seen.height)
    await service.settle_task(task, Ending(Status.SUCCESS, consumed=5, result=result, served_by={}))
    return task


def indexing(service: ServiceHarness) -> IndexPerceptualHashes:
    return IndexPerceptualHashes(service.store, service.blobs, ImageIntake(), service.clock, service.folder)


def detecting(service: ServiceHarness) -> Detect:
    return Detect(service.store, ImageIntake(), index=indexing(service))


def copies(seed: int) -> Sequence[bytes]:
    made = drawing(seed)
    return encoded(made, "JPEG"), encoded(made.resize((320, 240))), encoded(made.resize((80, 60)), "WEBP")


async def test_a_copy_is_recognised_at_once_and_its_task_told_to_its_account_alone(service: ServiceHarness) -> None:
    ada, bob = await service.open_account("ada"), await service.open_account("bob")
    task = await make(service, ada, encoded(drawing(1)), phash=True)
    detect = detecting(service)

    for copy in copies(1):
        mine, theirs = [await detect(copy, key.account) for key in (ada, bob)]
        assert (mine.ours, mine.alike, mine.tasks_alike) == (False, True, [task])
        assert (theirs.ours, theirs.alike, theirs.tasks_alike) == (False, True, [])
    foreign = await detect(encoded(drawing(2)), ada.account)
    assert not foreign.alike
    assert not foreign.own_alike


async def test_pictures_from_before_the_index_are_added_little_by_little(service: ServiceHarness) -> None:
    key = await service.open_account()
    tasks = [await make(service, key, encoded(drawing(seed)), phash=False) for seed in range(3)]
    service.clock.pass_time(OVERLAP_MS * 3 / 1000)
    detect, index = detecting(service), indexing(service)

    assert not (await detect(copies(0)[0], key.account)).alike
    assert [await index.older(2) for _ in range(3)] == [2, 1, 0]
    found = [await detect(copies(seed)[0], key.account) for seed in range(3)]
    assert [each.tasks_alike for each in found] == [[task] for task in tasks]


async def test_a_worker_indexes_what_is_new_and_what_is_old(service: ServiceHarness) -> None:
    key = await service.open_account()
    await make(service, key, encoded(drawing(5)), phash=False)
    service.clock.pass_time(OVERLAP_MS * 3 / 1000)
    await make(service, key, encoded(drawing(6)), phash=True)
    indexer = PerceptualHashIndexer(indexing(service), service.clock)
    await indexer.once()
    detect = Detect(service.store, ImageIntake(), index=indexing(service))

    assert [(await detect(copies(seed)[1], key.account)).alike for seed in (5, 6)] == [True, True]


async def test_what_was_erased_is_not_recognised(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await make(service, key, encoded(drawing(7)), phash=True)
    assert (await detecting(service)(copies(7)[0], key.account)).alike
    await eraser(service)(None, task, "ada@example.org")

    assert not (await detecting(service)(copies(7)[0], key.account)).alike
    assert await service.query("SELECT * FROM perceptual_hashes") == []
