"""Backups in a folder, S3, Google Cloud or Azure: `sha256/` holds the pictures, `backups/` the rest."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from limner.ports.backup_store import BackupMissing
from limner.ports.blobs import StorageRefuses
from limner.storage.blobs import ObjectBlobs
from limner.storage.durable_files import DurableFiles
from limner.threads import closing_in_thread, in_thread

_ROOT = "backups"


class ObjectBackups:
    """`limner.ports.backup_store.BackupStore` over any object store; `folder` is set when that is a local folder."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._files = DurableFiles(folder) if folder else None
        self.blobs = ObjectBlobs(store, folder)

    async def put(self, source: Path | bytes, name: str) -> None:
        with _refusing(name):
            if self._files:
                await asyncio.to_thread(self._files.put, source, f"{_ROOT}/{name}")
            else:
                await obstore.put_async(self._store, f"{_ROOT}/{name}", source)

    async def read(self, name: str) -> bytes:
        return b"".join([piece async for piece in self._pieces(name)])

    async def fetch(self, name: str, target: Path) -> None:
        async with closing_in_thread(_created, target) as out:
            async for piece in self._pieces(name):
                await in_thread(out.write, piece)
            await in_thread(_sync, out)

    async def names(self) -> Sequence[str]:
        with _refusing(_ROOT):
            pages = [page async for page in obstore.list(self._store, prefix=_ROOT)]
        return sorted(each["path"].removeprefix(f"{_ROOT}/") for page in pages for each in page)

    async def delete(self, names: Collection[str]) -> None:
        for name in names:
            with _refusing(name):
                await obstore.delete_async(self._store, f"{_ROOT}/{name}")

    async def _pieces(self, name: str) -> AsyncIterator[bytes]:
        with _refusing(name):
            found = await obstore.get_async(self._store, f"{_ROOT}/{name}")
            async for piece in found.stream():
                yield bytes(piece)


def open_backups(place: str) -> ObjectBackups:
    """The backups in a folder, or behind `s3://…`, `gs://…` or `az://…`. A folder is made when it is missing."""
    if "://" in place:
        return ObjectBackups(from_url(place))
    folder = Path(place).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ObjectBackups(LocalStore(folder), folder)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise BackupMissing(name) from error
    except (BaseError, OSError) as error:
        raise StorageRefuses(str(error).partition("\n")[0]) from error


def _created(target: Path) -> BinaryIO:
    return open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: PTH123 - an open descriptor


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
