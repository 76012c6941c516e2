"""Pictures as they are delivered: marked with what really made each of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from limner.application.images.open_picture import OpenPicture
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.digital_source import DigitalSource
from limner.domain.ids import BlobId
from limner.domain.tasks.request import UrlSource
from limner.domain.tasks.task import Result, Task
from limner.marking.layout import MarkState
from limner.marking.mark import marked_bytes
from limner.marking.xmp import Mark
from limner.ports.blobs import BlobMissing
from limner.providers.sandbox import card
from stores import PICTURE, ServiceHarness, with_file

FLUX = {"provider": "bfl", "model": "flux-2-pro", "generative": True}
WITH_VENDORS_MARK = marked_bytes("image/png", card("a picture"), Mark(DigitalSource.GENERATED, "a vendor"))
DRAWN = {"provider": "builtin", "generative": False}


def opener(service: ServiceHarness, *, mark: bool = True) -> OpenPicture:
    return OpenPicture(service.store, service.blobs, mark=mark)


async def made(service: ServiceHarness, served_by: Mapping[str, Any], **fields: Any) -> Task:
    task = await service.task(await service.submit_task(await service.open_account(), **fields))
    return replace(task, result=PICTURE, served_by=served_by)


async def stored(service: ServiceHarness, data: bytes, folder: Path) -> BlobId:
    path = folder / "picture.png"
    path.write_bytes(data)
    kept = await service.blobs.identify(path)
    await service.blobs.put(path, kept)
    return kept.blob


async def test_a_mark_names_provider_and_model(service: ServiceHarness) -> None:
    task = await made(service, FLUX)

    assert await opener(service).mark_of(task, "generated_image") == Mark(DigitalSource.GENERATED, "bfl flux-2-pro")


async def test_a_picture_of_pictures_is_a_composite(service: ServiceHarness) -> None:
    task = await made(service, FLUX, **with_file(UrlSource("https://example.com/a.png")))
    mark = await opener(service).mark_of(task, "generated_image")

    assert mark
    assert mark.source is DigitalSource.GENERATED_FROM_PICTURES


@pytest.mark.parametrize(
    ("served_by", "name"),
    [
        ({**FLUX, "views": {"left": DRAWN, "front": FLUX}}, "left_view"),
        ({**FLUX, "images": {"generated_image": FLUX, "generated_image_2": DRAWN}}, "generated_image_2"),
    ],
)
async def test_each_picture_of_a_task_is_marked_with_what_made_it(
    service: ServiceHarness, served_by: Mapping[str, Any], name: str
) -> None:
    task = await made(service, served_by)
    mark = await opener(service).mark_of(task, name)

    assert mark
    assert mark.source is DigitalSource.DRAWN
    assert mark.generator.startswith("builtin")


async def test_the_delivered_bytes_are_the_same_each_time(service: ServiceHarness, tmp_path: Path) -> None:
    blob = await stored(service, card("a picture"), tmp_path)
    task = replace(await made(service, FLUX), result=Result(blob, "image/png", "png", 256, 256))
    open_picture = opener(service)
    first, second = [await open_picture(task, "generated_image") for _ in range(2)]
    bytes_of = [b"".join([part async for part in each.stream(0, each.size)]) for each in (first, second)]

    assert bytes_of[0] == bytes_of[1]
    assert len(bytes_of[0]) == first.size > len(card("a picture"))
    assert (first.mark, first.tag) == (MarkState.ADDED, second.tag)


async def test_only_a_picture_that_is_delivered_as_it_is_stored_may_come_from_the_bucket(
    service: ServiceHarness, tmp_path: Path
) -> None:
    """Bytes without Limner's mark are delivered only where the vendor's own is in them, or marks are off."""
    opened, drawn = {}, await made(service, FLUX)
    for name, content in {"plain": card("a picture"), "marked": WITH_VENDORS_MARK}.items():
        blob = await stored(service, content, tmp_path)
        task = replace(drawn, result=Result(blob, "image/png", "png", 256, 256))
        opened[name] = await opener(service)(task, "generated_image")
        opened[f"{name}, marks off"] = await opener(service, mark=False)(task, "generated_image")

    assert {name: each.is_as_stored for name, each in opened.items()} == {
        "plain": False,
        "plain, marks off": True,
        "marked": True,
        "marked, marks off": True,
    }
    assert opened["marked"].mark is MarkState.VENDOR


async def test_without_marks_the_bytes_are_the_stored_ones(service: ServiceHarness, tmp_path: Path) -> None:
    blob = await stored(service, card("a picture"), tmp_path)
    task = replace(await made(service, FLUX), result=Result(blob, "image/png", "png", 256, 256))
    opened = await opener(service, mark=False)(task, "generated_image")

    assert b"".join([part async for part in opened.stream(0, opened.size)]) == card("a picture")
    assert (opened.mark, opened.tag) == (MarkState.NONE, blob)


async def test_a_picture_whose_file_is_gone_is_missing(service: ServiceHarness) -> None:
    with pytest.raises(BlobMissing):
        await opener(service)(await made(service, FLUX), "generated_image")


class CountedReads:
    """A store and how often it was read."""

    def __init__(self, store: Store) -> None:
        self.reads = 0
        self._store = store

    async def read(self, work: Callable[[Records], Any]) -> Any:
        self.reads += 1
        return await self._store.read(work)


async def test_a_task_is_read_together_with_what_its_mark_needs(service: ServiceHarness) -> None:
    task = await made(service, FLUX, **with_file(UrlSource("https://example.com/a.png")))
    store: Any = CountedReads(service.store)
    open_picture = OpenPicture(store, service.blobs, mark=True)

    read = await open_picture.task(task.account, task.id)
    mark = await open_picture.mark_of(task, "generated_image")

    assert (read.id, store.reads) == (task.id, 1)
    assert mark
    assert mark.source is DigitalSource.GENERATED_FROM_PICTURES
