"""Whether a backup is complete, and its bytes are what they were."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from limner.application.backup.manifest import BLOBS, DATABASE, Manifest, blobs_of, file_of
from limner.domain.ids import BlobId
from limner.ports.backup_store import BackupMissing, BackupStore
from limner.ports.blobs import BlobMissing, Stored
from limner.threads import in_thread


@dataclass(frozen=True, slots=True)
class VerifyBackup:
    """`check_database` reads a copy of the database, and raises `ValueError` when it could not be restored."""

    backups: BackupStore
    check_database: Callable[[Path, str], None]
    scratch: Path

    async def __call__(self, manifest: Manifest, *, hashes: bool = True) -> list[str]:
        """What is wrong, a sentence each. Without `hashes`, pictures are only looked for."""
        return [fault async for fault in self._faults(manifest, hashes=hashes)]

    async def _faults(self, manifest: Manifest, *, hashes: bool) -> AsyncIterator[str]:
        for name, expected in manifest.files.items():
            path = self.scratch / f"verify-{name.replace('/', '-')}"
            try:
                await self.backups.fetch(f"{manifest.name}/{name}", path)
                if await asyncio.to_thread(file_of, path) != expected:
                    yield f"{name} has other bytes than it had"
                elif name == DATABASE:
                    await asyncio.to_thread(self.check_database, path, manifest.database)
            except BackupMissing:
                yield f"{name} is missing"
            except ValueError as error:
                yield f"{name} cannot be restored: {error}"
            finally:
                await in_thread(path.unlink, missing_ok=True)
        async for fault in self._faults_of_blobs(manifest, hashes=hashes):
            yield fault

    async def _faults_of_blobs(self, manifest: Manifest, *, hashes: bool) -> AsyncIterator[str]:
        with suppress(BackupMissing):
            there = {each async for page in self.backups.blobs.names() for each in page}
            for each in blobs_of(await self.backups.read(f"{manifest.name}/{BLOBS}")):
                if each not in there:
                    yield f"picture {each.blob} is missing or cut off"
                elif hashes and not await self._is_whole(each):
                    yield f"picture {each.blob} has other bytes than it had"

    async def _is_whole(self, stored: Stored) -> bool:
        try:
            path = await self.backups.blobs.local(BlobId(stored.blob), self.scratch)
        except BlobMissing:
            return False
        try:
            return await self.backups.blobs.identify(path) == stored
        finally:
            if path.parent == self.scratch:
                await in_thread(path.unlink, missing_ok=True)
