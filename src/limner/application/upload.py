"""Taking pictures in: verified first, kept second, and only then named."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from limner.domain.ids import BlobId, UploadToken
from limner.domain.upload import object_key
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Inspected, Intake
from limner.ports.records import Key, Records, Store, Upload


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A verified picture whose bytes are in the store, though no row refers to it yet."""

    blob: BlobId
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class KeepPicture:
    """Verify a file and put its bytes into the store."""

    intake: Intake
    blobs: BlobStore

    async def inspect(self, source: Path) -> Inspected:
        return await asyncio.to_thread(self.intake.inspect, source)

    async def __call__(self, source: Path) -> KeptPicture:
        inspected = await self.inspect(source)
        stored = await self.blobs.put(source)
        return KeptPicture(stored.blob, stored.size, inspected.media_type)


@dataclass(frozen=True, slots=True)
class TakeUpload:
    """A direct upload: the file becomes a token that a task can name."""

    store: Store
    keep: KeepPicture
    clock: Clock
    life_ms: int

    async def __call__(self, key: Key, source: Path) -> Upload:
        picture = await self.keep(source)
        now_ms = self.clock.now_ms()
        token = UploadToken(str(uuid.uuid4()))
        day = time.strftime("%Y%m%d", time.gmtime(now_ms / 1000))
        upload = Upload(
            token=token,
            account=key.account,
            object_key=object_key(key.account_tag, day, token, picture.media_type),
            blob=picture.blob,
            media_type=picture.media_type,
            size=picture.size,
            expires_ms=now_ms + self.life_ms,
        )
        await self.store.run(lambda records: _keep_rows(records, upload, now_ms))
        return upload


def _keep_rows(records: Records, upload: Upload, now_ms: int) -> None:
    records.blobs.add(upload.blob, upload.size, upload.media_type, now_ms)
    records.uploads.add(upload, now_ms)
