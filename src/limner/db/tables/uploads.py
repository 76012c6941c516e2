"""Uploaded pictures, by token and by object key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.db.tables.blobs import UPLOAD, release, use
from limner.domain.ids import AccountId, BlobId, UploadToken


@dataclass(frozen=True, slots=True)
class Upload:
    token: UploadToken
    account: AccountId
    object_key: str
    blob: BlobId
    media_type: str
    size: int
    expires_ms: int
    etag: str | None = None
    """The ETag that S3 clients got; None for an upload that came another way."""


_COLUMNS = "token, account, object_key, blob, media_type, size, expires_ms, etag"
_ADD = Sql("""
    INSERT INTO uploads (token, account, object_key, blob, media_type, size, created_ms, expires_ms, etag)
    VALUES (:token, :account, :object_key, :blob, :media_type, :size, :created_ms, :expires_ms, :etag)
    ON CONFLICT DO NOTHING
""")
_REPLACE = Sql("""
    UPDATE uploads SET blob = :blob, media_type = :media_type, size = :size, created_ms = :created_ms,
        expires_ms = :expires_ms, etag = :etag
    WHERE token = :token AND account = :account
""")
_BY_TOKEN = Sql(f"SELECT {_COLUMNS} FROM uploads WHERE account = :account AND token = :token")
_BY_OBJECT = Sql(f"SELECT {_COLUMNS} FROM uploads WHERE account = :account AND object_key = :object_key")
_EXPIRE = Sql("""
    WITH due AS MATERIALIZED (
        SELECT token FROM uploads WHERE expires_ms <= :now_ms ORDER BY expires_ms LIMIT :limit {skip_locked})
    DELETE FROM uploads WHERE token IN (SELECT token FROM due) RETURNING token
""")


class UploadTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, upload: Upload, now_ms: int) -> bool:
        """Whether its token was free; nothing is written when it was not."""
        added = self._db.run(_ADD, _values(upload, now_ms))
        if added:
            use(self._db, UPLOAD, upload.token, [upload.blob])
        return added == 1

    def replace(self, upload: Upload, now_ms: int) -> None:
        """Replace the picture of this token."""
        if self._db.run(_REPLACE, _values(upload, now_ms)):
            release(self._db, UPLOAD, [upload.token], now_ms)
            use(self._db, UPLOAD, upload.token, [upload.blob])

    def by_token(self, account: AccountId, token: UploadToken) -> Upload | None:
        row = self._db.one(_BY_TOKEN, {"account": account, "token": token})
        return _upload(row) if row else None

    def by_object(self, account: AccountId, object_key: str) -> Upload | None:
        row = self._db.one(_BY_OBJECT, {"account": account, "object_key": object_key})
        return _upload(row) if row else None

    def expire(self, now_ms: int, limit: int) -> int:
        """Delete expired uploads; returns how many."""
        tokens = [row[0] for row in self._db.all(_EXPIRE, {"now_ms": now_ms, "limit": limit})]
        release(self._db, UPLOAD, tokens, now_ms)
        return len(tokens)


def _values(upload: Upload, now_ms: int) -> dict[str, str | int | None]:
    return {
        "token": upload.token,
        "account": upload.account,
        "object_key": upload.object_key,
        "blob": upload.blob,
        "media_type": upload.media_type,
        "size": upload.size,
        "created_ms": now_ms,
        "expires_ms": upload.expires_ms,
        "etag": upload.etag,
    }


def _upload(row: Sequence[Any]) -> Upload:
    return Upload(**dict(zip(_COLUMNS.split(", "), row, strict=True)))
