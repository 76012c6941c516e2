"""Content-addressed bytes through obstore: a folder, S3, Google Cloud or Azure behind one interface."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from limner.domain.ids import BlobId
from limner.ports.blobs import BlobMissing, Stored

_PIECE = 256 * 1024


class ObjectBlobs:
    """`limner.ports.blobs.BlobStore` over any object store; `folder` is set when that store is a local folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def put(self, source: Path) -> Stored:
        stored = await asyncio.to_thread(_identify, source)
        key = _key(stored.blob)
        if not await self._has(key):
            # obstore writes to a temporary name and renames, so a reader never sees half a picture.
            await obstore.put_async(self._store, key, source)
        if self._folder:  # for bytes that were there, too: who wrote them may have died before they were on the disk
            await asyncio.to_thread(_make_durable, self._folder, self._folder / key)
        return stored

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
    return f"sha256/{blob[:2]}/{blob}"


def _make_durable(folder: Path, file: Path) -> None:
    """Carry the bytes and the names to the disk: a picture must survive a power cut once its task says success."""
    above = [each for each in file.parents if each.is_relative_to(folder)]
    for path in (file, *above):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
