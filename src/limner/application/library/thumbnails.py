"""Thumbnails of finished pictures: made when first asked for, stored beside the picture, deleted with it."""

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from limner.application.read import own_task
from limner.db.store import Store
from limner.domain.ids import BlobId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Result, Task
from limner.ports.blobs import BlobMissing, StorageRefuses, ThumbnailStore
from limner.scratch_paths import scratch_folder

CACHED = 200
"""Thumbnails kept in memory, of at most 25 KB each."""


class MakeThumbnail(Protocol):
    async def __call__(self, source: Path, target: Path, side: int) -> None:
        """Write a WebP of at most `side` pixels a side to `target`. Raises `Refusal`."""
        ...


class Thumbnails:
    """One in a process: of several requests for a thumbnail that is not made yet, one makes it."""

    def __init__(self, store: Store, blobs: ThumbnailStore, make: MakeThumbnail, scratch: Path) -> None:
        self._store = store
        self._blobs = blobs
        self._make = make
        self._scratch = scratch
        self._recent: OrderedDict[tuple[BlobId, int], bytes] = OrderedDict()
        self._making: dict[tuple[BlobId, int], asyncio.Task[bytes]] = {}

    async def __call__(self, task: Task, name: str | None, side: int) -> bytes:
        """The thumbnail of a task's picture, by default of its first. Raises `Refusal`."""
        blob = picture_of(task, name).blob
        found = self._recent.pop((blob, side), None)
        data = found or await self._blobs.thumbnail(blob, side) or await self._made(task.id, blob, side)
        self._recent[blob, side] = data
        if len(self._recent) > CACHED:
            self._recent.popitem(last=False)
        return data

    async def _made(self, task: TaskId, blob: BlobId, side: int) -> bytes:
        key = (blob, side)
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make_and_store(task, blob, side))
            making.add_done_callback(lambda _: self._making.pop(key))
        return await asyncio.shield(making)

    async def _make_and_store(self, task: TaskId, blob: BlobId, side: int) -> bytes:
        async with scratch_folder(self._scratch, "thumbnail") as folder:
            data = await self._data(blob, side, folder)
        try:
            await self._blobs.put_thumbnail(blob, side, data)
        except StorageRefuses:
            return data  # it is made again when it is next asked for
        if not await self._has(task, blob):  # erased meanwhile, with the thumbnails that were there
            await self._blobs.delete_thumbnail(blob, side)
            raise _no_picture()
        return data

    async def _data(self, blob: BlobId, side: int, workdir: Path) -> bytes:
        target = workdir / "thumbnail.webp"
        try:
            await self._make(await self._blobs.local(blob, workdir), target, side)
        except (BlobMissing, FileNotFoundError):
            raise _no_picture() from None
        return await asyncio.to_thread(target.read_bytes)

    async def _has(self, task_id: TaskId, blob: BlobId) -> bool:
        task = await self._store.read(lambda records: own_task(records, None, task_id))
        return task.result is not None and blob in {each.blob for each in task.result.pictures().values()}


def picture_of(task: Task, name: str | None) -> Result:
    """A picture of a task by the name that its link has, by default the first. Raises `Refusal`."""
    pictures = task.result.pictures() if task.result else {}
    found = pictures.get(name) if name is not None else next(iter(pictures.values()), None)
    if found is None:
        raise _no_picture()
    return found


def _no_picture() -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND,
        "there is no such picture",
        suggestion="Read the task: it has pictures from its success until they are removed.",
        field="path",
    )
