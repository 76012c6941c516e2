"""Content-addressed bytes through obstore: a folder, S3, Google Cloud or Azure behind one interface."""

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from limner.domain.ids import BlobId
from limner.ports.blobs import BlobMissing, StorageRefuses, Stored

_ROOT = "sha256"
_PIECE = 256 * 1024
_LISTED_AT_ONCE = 1000
_AT_ONCE = 8
_UNUSED = BlobId("0" * 64)
"""A name that no content has."""

_PARTIAL = re.compile(r"[0-9a-f]+#\d+")
"""The name that obstore gives a file in a folder while it writes it."""


class ObjectBlobs:
    """`limner.ports.blobs.BlobStore` over any object store; `folder` is set when that store is a local folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def identify(self, source: Path) -> Stored:
        return await asyncio.to_thread(_identify, source)

    async def put(self, source: Path, stored: Stored) -> None:
        try:
            await self._put(source, _key(stored.blob))
        except (BaseError, OSError) as error:
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def _put(self, source: Path, key: str) -> None:
        if not await self._has(key):
            # obstore writes to a temporary name and renames, so a reader never sees half a picture.
            await obstore.put_async(self._store, key, source)
        if self._folder:  # for existing bytes too: their writer may have died before they were on disk
            await asyncio.to_thread(_make_durable, self._folder, self._folder / key)

    async def check(self) -> None:
        try:
            if self._folder:
                await asyncio.to_thread(_check_folder, self._folder)
            else:
                await self._has(_key(_UNUSED))
        except (BaseError, OSError) as error:
            raise StorageRefuses(str(error).partition("\n")[0]) from error

    async def delete(self, blobs: Collection[BlobId]) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._delete(blob, slots) for blob in blobs))
        if self._folder:
            await asyncio.to_thread(_sync_existing, {self._folder / Path(_key(blob)).parent for blob in blobs})

    async def _delete(self, blob: BlobId, slots: asyncio.Semaphore) -> None:
        async with slots:
            with contextlib.suppress(NotFoundError, FileNotFoundError):
                await obstore.delete_async(self._store, _key(blob))

    async def names(self) -> AsyncIterator[Sequence[Stored]]:
        async for listed in obstore.list(self._store, prefix=_ROOT, chunk_size=_LISTED_AT_ONCE):
            yield [Stored(BlobId(each["path"].rpartition("/")[2]), int(each["size"])) for each in listed]

    async def reclaim(self, before_ms: int) -> int:
        """Only in a folder: an object store lists complete objects only."""
        return await asyncio.to_thread(_reclaim, self._folder / _ROOT, before_ms) if self._folder else 0

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        if self._folder:
            return self._folder / _key(blob)
        target = workdir / blob
        await self._download(blob, target)
        return target

    async def size(self, blob: BlobId) -> int:
        try:
            return int((await obstore.head_async(self._store, _key(blob)))["size"])
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(blob) from error

    async def stream(self, blob: BlobId, start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, _PIECE):
            yield bytes(await obstore.get_range_async(self._store, _key(blob), start=at, end=min(at + _PIECE, end)))

    async def _has(self, key: str) -> bool:
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def _download(self, blob: BlobId, target: Path) -> None:
        size = await self.size(blob)
        with await asyncio.to_thread(target.open, "wb") as out:
            async for piece in self.stream(blob, 0, size):
                await asyncio.to_thread(out.write, piece)


def open_blobs(url: str) -> ObjectBlobs:
    """The store behind `file:///…`, `s3://…`, `gs://…` or `az://…`."""
    if url.startswith("file://"):
        folder = Path(url.removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True)
        return ObjectBlobs(LocalStore(folder), folder)
    return ObjectBlobs(from_url(url))


def _identify(source: Path) -> Stored:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Stored(BlobId(digest.hexdigest()), file.tell())


def _key(blob: BlobId) -> str:
    return f"{_ROOT}/{blob[:2]}/{blob}"


def _reclaim(folder: Path, before_ms: int) -> int:
    return sum(_removed(file, before_ms) for file in folder.glob("*/*#*") if _PARTIAL.fullmatch(file.name))


def _removed(file: Path, before_ms: int) -> bool:
    try:
        old = file.stat().st_mtime_ns // 1_000_000 <= before_ms
    except FileNotFoundError:  # its writer has just finished
        return False
    if old:
        file.unlink(missing_ok=True)
    return old


def _check_folder(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {folder} is missing or not writable")


def _make_durable(folder: Path, file: Path) -> None:
    """Sync the file and the names of its folders: a picture must survive a power cut once its task says success."""
    _sync((file, *(each for each in file.parents if each.is_relative_to(folder))))


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync_existing(folders: Iterable[Path]) -> None:
    _sync(folder for folder in folders if folder.is_dir())
