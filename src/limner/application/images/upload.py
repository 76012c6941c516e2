"""Direct uploads: verify the picture, store its bytes, then create the upload row."""

import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from limner.application.images.keep import Keep
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.uploads import Upload
from limner.domain.ids import AccountId, BlobId, UploadToken
from limner.domain.upload import object_key
from limner.ports.clock import Clock
from limner.ports.intake import Inspected, Intake


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A verified picture in the blob store, not yet referenced by a row."""

    blob: BlobId
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class KeepPicture:
    """Verifies a file and stores its bytes, pinned for `holder` (a task or an upload)."""

    intake: Intake
    keep: Keep

    async def inspect(self, source: Path | bytes) -> Inspected:
        return await self.intake.inspect(source)

    async def __call__(self, source: Path | bytes, holder: str) -> KeptPicture:
        inspected = await self.inspect(source)
        stored = await self.keep(source, inspected.media_type, holder)
        return KeptPicture(stored.blob, stored.size, inspected.media_type)


class TokenTaken(Exception):
    """The token already has a picture."""


@dataclass(frozen=True, slots=True)
class TakeUpload:
    """Stores an uploaded file, or these bytes, under a token that tasks can refer to."""

    store: Store
    keep: KeepPicture
    clock: Clock
    life_ms: int

    async def __call__(self, key: Key, source: Path | bytes) -> Upload:
        return await self.under(UploadToken(str(uuid.uuid4())), key.account, key.account_tag, source)

    async def under(self, token: UploadToken, account: AccountId, account_tag: str, source: Path | bytes) -> Upload:
        """The same under a token issued before. Raises `TokenTaken` if it already has a picture."""
        picture = await self.keep(source, token)
        now_ms = self.clock.now_ms()
        day = time.strftime("%Y%m%d", time.gmtime(now_ms / 1000))
        upload = Upload(
            token=token,
            account=account,
            object_key=object_key(account_tag, day, token, picture.media_type),
            blob=picture.blob,
            media_type=picture.media_type,
            size=picture.size,
            expires_ms=now_ms + self.life_ms,
        )
        await self.store.run(lambda records: _keep_rows(records, upload, now_ms))
        return upload


def keep_row(records: Records, upload: Upload, now_ms: int) -> None:
    """Write the blob's row again, where a crash of the database's server undid the pin that wrote it."""
    records.blobs.add(upload.blob, upload.size, upload.media_type, now_ms)


def _keep_rows(records: Records, upload: Upload, now_ms: int) -> None:
    keep_row(records, upload, now_ms)
    if not records.uploads.add(upload, now_ms):
        raise TokenTaken(upload.token)
