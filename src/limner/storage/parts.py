"""Parts of multipart uploads, in the same store as the pictures: `parts/<token>/<id>/<number>`."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from limner.ports.parts import MultipartUpload, PartMissing
from limner.storage.partial_files import remove_older

_ROOT = "parts"
_BEGUN = "begun"
_PIECE = 4 * 1024 * 1024
_LISTED_AT_ONCE = 1000
_NUMBER = re.compile(r"\d{5}")
_PARTIAL = re.compile(r".+#\d+")
"""The name that obstore gives a file in a folder while it writes it."""


class ObjectParts:
    """`limner.ports.parts.UploadParts` over any object store; `folder` is set when that store is a local folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def begin(self, assembly: MultipartUpload) -> None:
        await obstore.put_async(self._store, _begun(assembly), b"-")

    async def holds(self, assembly: MultipartUpload) -> bool:
        try:
            await obstore.head_async(self._store, _begun(assembly))
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def put(self, assembly: MultipartUpload, number: int, source: Path) -> None:
        await obstore.put_async(self._store, _key(assembly, number), source)

    async def sizes(self, assembly: MultipartUpload) -> Mapping[int, int]:
        found: dict[int, int] = {}
        async for listed in obstore.list(self._store, prefix=_place(assembly), chunk_size=_LISTED_AT_ONCE):
            for each in listed:
                name = each["path"].rpartition("/")[2]
                if _NUMBER.fullmatch(name):
                    found[int(name)] = int(each["size"])
        return dict(sorted(found.items()))

    async def stream(self, assembly: MultipartUpload, number: int) -> AsyncIterator[bytes]:
        key = _key(assembly, number)
        try:
            size = int((await obstore.head_async(self._store, key))["size"])
            for at in range(0, size, _PIECE):
                yield bytes(await obstore.get_range_async(self._store, key, start=at, end=min(at + _PIECE, size)))
        except (NotFoundError, FileNotFoundError) as error:
            raise PartMissing(number) from error

    async def drop(self, assembly: MultipartUpload) -> None:
        await self._delete([_begun(assembly)])  # first, so that no new part is accepted
        async for listed in obstore.list(self._store, prefix=_place(assembly), chunk_size=_LISTED_AT_ONCE):
            await self._delete(each["path"] for each in listed)

    async def reclaim(self, before_ms: int) -> int:
        before, removed = datetime.fromtimestamp(before_ms / 1000, UTC), 0
        async for listed in obstore.list(self._store, prefix=_ROOT, chunk_size=_LISTED_AT_ONCE):
            old = [each["path"] for each in listed if each["last_modified"] <= before]
            await self._delete(old)
            removed += len(old)
        if self._folder:
            removed += await asyncio.to_thread(_remove_partial_files, self._folder / _ROOT, before_ms)
        return removed

    async def _delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            with contextlib.suppress(NotFoundError, FileNotFoundError):
                await obstore.delete_async(self._store, key)


def open_parts(url: str) -> ObjectParts:
    """The parts in the store behind `file:///…`, `s3://…`, `gs://…` or `az://…`."""
    if url.startswith("file://"):
        folder = Path(url.removeprefix("file://"))
        return ObjectParts(LocalStore(folder, automatic_cleanup=True, mkdir=True), folder)
    return ObjectParts(from_url(url))


def _place(assembly: MultipartUpload) -> str:
    return f"{_ROOT}/{assembly.token}/{assembly.id}"


def _begun(assembly: MultipartUpload) -> str:
    return f"{_place(assembly)}/{_BEGUN}"


def _key(assembly: MultipartUpload, number: int) -> str:
    return f"{_place(assembly)}/{number:05}"


def _remove_partial_files(folder: Path, before_ms: int) -> int:
    """Remove partial files older than `before_ms`. No listing shows them."""
    return remove_older([file for file in folder.glob("*/*/*#*") if _PARTIAL.fullmatch(file.name)], before_ms)
