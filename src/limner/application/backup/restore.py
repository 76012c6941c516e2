"""Make the data of a service from a backup, where there is none. Interrupted, it may be repeated."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from limner.application.backup.manifest import BLOBS, DATABASE, Manifest, blobs_of
from limner.ports.backup_store import BackupStore
from limner.ports.blobs import BlobStore, Stored
from limner.threads import in_thread

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """`restore_database` makes the database from a copy; `data` is where the other files go, existing ones stay."""

    backups: BackupStore
    blobs: BlobStore
    restore_database: Callable[[Path], None]
    data: Path
    scratch: Path

    async def __call__(self, manifest: Manifest) -> None:
        """Restore all of a backup, the database last: until then nothing refers to what is there."""
        slots = asyncio.Semaphore(AT_ONCE)
        listed = blobs_of(await self.backups.read(f"{manifest.name}/{BLOBS}"))
        await asyncio.gather(*(self._restore_blob(each, slots) for each in listed))
        for name in manifest.files:
            target = self.data / name
            if name not in {DATABASE, BLOBS} and not await asyncio.to_thread(target.exists):
                await asyncio.to_thread(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
                await self.backups.fetch(f"{manifest.name}/{name}", target)
        copy = self.scratch / "restore-database"
        try:
            await self.backups.fetch(f"{manifest.name}/{DATABASE}", copy)
            await asyncio.to_thread(self.restore_database, copy)
        finally:
            await in_thread(copy.unlink, missing_ok=True)

    async def _restore_blob(self, stored: Stored, slots: asyncio.Semaphore) -> None:
        async with slots:
            path = await self.backups.blobs.local(stored.blob, self.scratch)
            try:
                await self.blobs.put(path, stored)
            finally:
                if path.parent == self.scratch:
                    await in_thread(path.unlink, missing_ok=True)
