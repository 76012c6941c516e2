"""Make a backup while the service works: the database first, then the pictures, then the rest."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from pathlib import Path

from limner.application.backup.manifest import (
    BLOBS,
    DATABASE,
    MANIFEST,
    BackupFile,
    Manifest,
    blobs_of,
    file_of,
    lines_of,
)
from limner.domain.ids import BlobId
from limner.ports.backup_store import BackupStore
from limner.ports.blobs import BlobMissing, BlobStore, Stored
from limner.threads import in_thread

AT_ONCE = 8
NAME = "%Y-%m-%dT%H-%M-%SZ"
UNFINISHED_FOR = timedelta(hours=24)
"""How long a backup that is not finished may still be worked on."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new backup. `copied` pictures were not there before; `damaged` ones were left out, as their bytes are wrong.

    `removed` are the names of older backups.
    """

    manifest: Manifest
    copied: int
    damaged: Sequence[BlobId]
    removed: Sequence[str]


@dataclass(frozen=True, slots=True)
class CreateBackup:
    """`dump` writes a copy of the database to a new file. `files` are stored as they are, by their names."""

    blobs: BlobStore
    backups: BackupStore
    dump: Callable[[Path], None]
    files: Mapping[str, Path]
    scratch: Path
    version: str
    schema: str
    database: str

    async def __call__(self, at: datetime, keep: int | None) -> Created:
        """Make a backup named after the time `at`, and keep only the `keep` newest. Raises `StorageRefuses`."""
        name = await self._new_name(at.astimezone(UTC).strftime(NAME))
        files = [await self._store_database(name)]
        copied, kept, damaged = await self._copy_blobs()
        files += [await self._store(name, each, path) for each, path in self.files.items()]
        files.append(await self._store(name, BLOBS, lines_of(kept)))
        size = sum(each.size for each in kept)
        manifest = Manifest(name, self.version, self.schema, self.database, dict(files), len(kept), size)
        await self.backups.put(manifest.to_json(), f"{name}/{MANIFEST}")
        removed = await remove_old(self.backups, keep, at) if keep else []
        return Created(manifest, copied, damaged, removed)

    async def _new_name(self, name: str) -> str:
        """The name, with a number behind it when another backup began in the same second."""
        taken = {each.partition("/")[0] for each in await self.backups.names()}
        return next(each for each in chain([name], (f"{name}-{n}" for n in count(2))) if each not in taken)

    async def _store_database(self, name: str) -> tuple[str, BackupFile]:
        copy = self.scratch / f"{DATABASE}-{name}"
        try:
            await asyncio.to_thread(self.dump, copy)
            return await self._store(name, DATABASE, copy)
        finally:
            await in_thread(copy.unlink, missing_ok=True)

    async def _store(self, name: str, file: str, source: Path | bytes) -> tuple[str, BackupFile]:
        await self.backups.put(source, f"{name}/{file}")
        return file, await asyncio.to_thread(file_of, source)

    async def _copy_blobs(self) -> tuple[int, Sequence[Stored], Sequence[BlobId]]:
        there = {each async for page in self.backups.blobs.names() for each in page}
        copied, kept, damaged = 0, list[Stored](), list[BlobId]()
        async for page in self.blobs.names():
            new = [each for each in page if each not in there]
            slots = asyncio.Semaphore(AT_ONCE)
            results = await asyncio.gather(*(self._copy(each, slots) for each in new))
            bad = {each.blob for each, good in zip(new, results, strict=True) if good is False}
            gone = {each.blob for each, good in zip(new, results, strict=True) if good is None}
            copied += len(new) - len(bad) - len(gone)
            kept += [each for each in page if each.blob not in bad | gone]
            damaged += sorted(bad)
        return copied, sorted(kept, key=lambda each: each.blob), damaged

    async def _copy(self, stored: Stored, slots: asyncio.Semaphore) -> bool | None:
        """Whether the bytes are those of the name, and so were copied; None for a blob that was deleted meanwhile."""
        async with slots:
            with suppress(BlobMissing, FileNotFoundError):
                path = await self.blobs.local(stored.blob, self.scratch)
                try:
                    if await self.backups.blobs.identify(path) != stored:
                        return False
                    await self.backups.blobs.put(path, stored)
                finally:
                    if path.parent == self.scratch:
                        await in_thread(path.unlink, missing_ok=True)
                return True
        return None


async def remove_old(backups: BackupStore, keep: int, now: datetime) -> Sequence[str]:
    """Delete all finished backups but the `keep` newest, abandoned ones, and pictures that no backup has any more.

    While another backup may still be under way, pictures are left for the next time.
    """
    files = await backups.names()
    names = sorted({each.partition("/")[0] for each in files})
    finished = [name for name in names if f"{name}/{MANIFEST}" in files]
    old = (now.astimezone(UTC) - UNFINISHED_FOR).strftime(NAME)
    abandoned = [name for name in names if name not in finished and name < old]
    removed = [*finished[:-keep], *abandoned]
    for name in removed:
        # The manifest goes first: a backup without one is not taken for complete.
        rest = [each for each in files if each.startswith(f"{name}/") and not each.endswith(f"/{MANIFEST}")]
        await backups.delete([each for each in [f"{name}/{MANIFEST}"] if each in files])
        await backups.delete(rest)
    under_way = [name for name in names if name not in finished and name not in abandoned]
    if removed and not under_way:
        await _remove_blobs(backups, finished[-keep:])
    return removed


async def _remove_blobs(backups: BackupStore, names: Collection[str]) -> None:
    used = {each.blob for name in names for each in blobs_of(await backups.read(f"{name}/{BLOBS}"))}
    async for page in backups.blobs.names():
        await backups.blobs.delete([each.blob for each in page if each.blob not in used])
