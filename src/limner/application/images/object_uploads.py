"""Uploads to an object key issued beforehand. A later upload to the same key replaces the earlier one."""

from dataclasses import dataclass
from pathlib import Path

from limner.application.images.upload import KeepPicture, keep_row
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.accounts import Account
from limner.db.tables.uploads import Upload
from limner.domain.ids import UploadToken
from limner.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class NamedUpload:
    """An object key, the upload token in it, and its owner."""

    owner: Account
    token: UploadToken
    object_key: str


@dataclass(frozen=True, slots=True)
class TakeObject:
    store: Store
    keep: KeepPicture
    clock: Clock
    life_ms: int

    async def __call__(self, name: NamedUpload, source: Path, etag: str) -> Upload:
        """Store the picture at `source` as the object; `etag` is the S3 ETag of its bytes.

        Raises `Refusal` for an invalid picture.
        """
        picture = await self.keep(source, name.token)
        now_ms = self.clock.now_ms()
        upload = Upload(
            token=name.token,
            account=name.owner.id,
            object_key=name.object_key,
            blob=picture.blob,
            media_type=picture.media_type,
            size=picture.size,
            expires_ms=now_ms + self.life_ms,
            etag=etag,
        )
        await self.store.run(lambda records: _put(records, upload, now_ms))
        return upload


@dataclass(frozen=True, slots=True)
class FindObject:
    store: Store
    clock: Clock

    async def __call__(self, name: NamedUpload) -> Upload | None:
        """The stored object, unless it has expired."""
        found = await self.store.read(lambda records: records.uploads.by_object(name.owner.id, name.object_key))
        return found if found and found.expires_ms > self.clock.now_ms() else None


def _put(records: Records, upload: Upload, now_ms: int) -> None:
    keep_row(records, upload, now_ms)
    if not records.uploads.add(upload, now_ms):
        records.uploads.replace(upload, now_ms)
