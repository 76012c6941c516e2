"""Content-addressed bytes through obstore: a folder, S3, Google Cloud or Azure behind one interface."""

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from limner.domain.ids import BlobId
from limner.domain.thumbnail import SIDES
from limner.ports.blobs import BlobMissing, StorageRefuses, Stored
from limner.storage.durable_files import DurableFiles, sync_existing
from limner.storage.partial_files import remove_older
from limner.threads import closing_in_thread, in_thread

_ROOT = "sha256"
_THUMBNAILS = "thumbnails"
_PIECE = 256 * 1024
_LISTED_AT_ONCE = 1000
_AT_ONCE = 8
_UNUSED = BlobId("0" * 64)
"""A name that no content has."""

_PARTIAL = re.compile(r"[0-9a-f]+#\d+")
"""The name of a file in a folder while it is written: obstore's pattern, whose listings leave it out."""


class ObjectBlobs:
    """`limner.ports.blobs.BlobStore` over any object store; `folder` is set when that store is a local folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._files = DurableFiles(folder) if folder else None

    async def identify(self, source: Path | bytes) -> Stored:
        if isinstance(source, bytes):  # few: hashing them takes less than a hop to a thread
            return Stored(BlobId(hashlib.sha256(source).hexdigest()), len(source))
        return await asyncio.to_thread(_identify, source)

    async def put(
        self, source: Path | bytes, stored: Stored, *, owned: bool = False, media_type: str | None = None
    ) -> None:
        key = key_of(stored.blob)
        try:
            if self._files:
                await asyncio.to_thread(self._files.put, source, key, owned=owned)
            elif not await self._has(key):
                attributes = {"Content-Type": media_type} if media_type else None
                await obstore.put_async(self._store, key, source, attributes=attributes)
        except (BaseError, OSError) as error:
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def check(self) -> None:
        try:
            if self._folder:
                await asyncio.to_thread(_check_folder, self._folder)
            else:
                await self._has(key_of(_UNUSED))
        except (BaseError, OSError) as error:
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def delete(self, blobs: Collection[BlobId]) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._delete(blob, slots) for blob in blobs))
        if self._folder:
            await asyncio.to_thread(sync_existing, {self._folder / Path(key_of(blob)).parent for blob in blobs})

    async def _delete(self, blob: BlobId, slots: asyncio.Semaphore) -> None:
        async with slots:
            for key in (key_of(blob), *(thumbnail_key(blob, side) for side in SIDES)):
                with contextlib.suppress(NotFoundError, FileNotFoundError):
                    await obstore.delete_async(self._store, key)

    async def names(self) -> AsyncIterator[Sequence[Stored]]:
        async for listed in obstore.list(self._store, prefix=_ROOT, chunk_size=_LISTED_AT_ONCE):
            yield [Stored(BlobId(each["path"].rpartition("/")[2]), int(each["size"])) for each in listed]

    async def reclaim(self, before_ms: int) -> int:
        """Only in a folder: an object store lists complete objects only."""
        return await asyncio.to_thread(_reclaim, self._folder / _ROOT, before_ms) if self._folder else 0

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        if self._folder:
            return self._folder / key_of(blob)
        target = workdir / blob
        await self._download(blob, target)
        return target

    async def size(self, blob: BlobId) -> int:
        try:
            if self._folder:
                return (await asyncio.to_thread(os.stat, self._folder / key_of(blob))).st_size
            return int((await obstore.head_async(self._store, key_of(blob)))["size"])
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(blob) from error

    async def stream(self, blob: BlobId, start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, _PIECE):
            yield await self._piece(key_of(blob), at, min(at + _PIECE, end))

    async def _piece(self, key: str, start: int, end: int) -> bytes:
        if self._folder:  # a third of the CPU that obstore takes for it
            return await asyncio.to_thread(_read_range, self._folder / key, start, end)
        return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))

    async def _has(self, key: str) -> bool:
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def _download(self, blob: BlobId, target: Path) -> None:
        try:
            size = await self.size(blob)
            async with closing_in_thread(_created, target) as out:
                async for piece in self.stream(blob, 0, size):
                    await in_thread(out.write, piece)
        except BaseError as error:  # obstore has repeated what a dropped connection interrupted
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def thumbnail(self, blob: BlobId, side: int) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, thumbnail_key(blob, side))
            data = bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        return data if _is_whole(data) else None

    async def put_thumbnail(self, blob: BlobId, side: int, data: bytes) -> None:
        try:
            await obstore.put_async(self._store, thumbnail_key(blob, side), data)
        except (BaseError, OSError) as error:
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def delete_thumbnail(self, blob: BlobId, side: int) -> None:
        with contextlib.suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, thumbnail_key(blob, side))


def thumbnail_key(blob: BlobId, side: int) -> str:
    """Where the thumbnail of a blob is stored. It is deleted with the blob."""
    return f"{_THUMBNAILS}/{blob[:2]}/{blob}-{side}.webp"


def _is_whole(data: bytes) -> bool:
    """Whether a WebP is as long as its header says: a thumbnail is not synced, so a power cut may cut it off."""
    return data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 == len(data)


def open_blobs(url: str) -> ObjectBlobs:
    """The store behind `file:///…`, `s3://…`, `gs://…` or `az://…`."""
    if url.startswith("file://"):
        folder = Path(url.removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True)
        return ObjectBlobs(LocalStore(folder), folder)
    return ObjectBlobs(from_url(url))


def _created(target: Path) -> BinaryIO:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("wb")


def _read_range(path: Path, start: int, end: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        data = file.read(end - start)
    if len(data) < end - start:
        raise OSError(f"{path.name} ends before byte {end}")
    return data


def _identify(source: Path) -> Stored:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Stored(BlobId(digest.hexdigest()), file.tell())


def key_of(blob: BlobId) -> str:
    return f"{_ROOT}/{blob[:2]}/{blob}"


def _reclaim(folder: Path, before_ms: int) -> int:
    return remove_older((file for file in folder.glob("*/*#*") if _PARTIAL.fullmatch(file.name)), before_ms)


def _check_folder(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {folder} is missing or not writable")
