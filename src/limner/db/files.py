"""Uploads and the bytes behind them."""

from limner.db.sql import Db, Sql
from limner.domain.ids import AccountId, BlobId, UploadToken
from limner.ports.records import Upload

_UPLOAD_COLUMNS = "token, account, object_key, blob, media_type, size, expires_ms"
_ADD_UPLOAD = Sql("""
    INSERT INTO uploads (token, account, object_key, blob, media_type, size, created_ms, expires_ms)
    VALUES (:token, :account, :object_key, :blob, :media_type, :size, :created_ms, :expires_ms)
""")
_BY_TOKEN = Sql(f"SELECT {_UPLOAD_COLUMNS} FROM uploads WHERE account = :account AND token = :token")
_BY_OBJECT = Sql(f"SELECT {_UPLOAD_COLUMNS} FROM uploads WHERE account = :account AND object_key = :object_key")
_ADD_BLOB = Sql("""
    INSERT INTO blobs (id, size, media_type, created_ms) VALUES (:id, :size, :media_type, :created_ms)
    ON CONFLICT (id) DO NOTHING
""")


class SqlUploads:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, upload: Upload, now_ms: int) -> None:
        self._db.run(
            _ADD_UPLOAD,
            {
                "token": upload.token,
                "account": upload.account,
                "object_key": upload.object_key,
                "blob": upload.blob,
                "media_type": upload.media_type,
                "size": upload.size,
                "created_ms": now_ms,
                "expires_ms": upload.expires_ms,
            },
        )

    def by_token(self, account: AccountId, token: UploadToken) -> Upload | None:
        row = self._db.one(_BY_TOKEN, {"account": account, "token": token})
        return Upload(*row) if row else None

    def by_object(self, account: AccountId, object_key: str) -> Upload | None:
        row = self._db.one(_BY_OBJECT, {"account": account, "object_key": object_key})
        return Upload(*row) if row else None


class SqlBlobs:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None:
        self._db.run(_ADD_BLOB, {"id": blob, "size": size, "media_type": media_type, "created_ms": now_ms})
