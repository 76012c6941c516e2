"""Uploads and the bytes behind them."""

from collections.abc import Collection, Sequence

from limner.db.sql import Db, Sql
from limner.db.tables.blob_refs import UPLOAD, release, use
from limner.domain.ids import AccountId, BlobId, UploadToken
from limner.ports.records import UnreferencedBlob, Upload

_UPLOAD_COLUMNS = "token, account, object_key, blob, media_type, size, expires_ms, etag"
_ADD_UPLOAD = Sql("""
    INSERT INTO uploads (token, account, object_key, blob, media_type, size, created_ms, expires_ms, etag)
    VALUES (:token, :account, :object_key, :blob, :media_type, :size, :created_ms, :expires_ms, :etag)
    ON CONFLICT DO NOTHING
""")
_REPLACE_UPLOAD = Sql("""
    UPDATE uploads SET blob = :blob, media_type = :media_type, size = :size, created_ms = :created_ms,
        expires_ms = :expires_ms, etag = :etag
    WHERE token = :token AND account = :account
""")
_BY_TOKEN = Sql(f"SELECT {_UPLOAD_COLUMNS} FROM uploads WHERE account = :account AND token = :token")
_BY_OBJECT = Sql(f"SELECT {_UPLOAD_COLUMNS} FROM uploads WHERE account = :account AND object_key = :object_key")
_EXPIRE = Sql("""
    WITH due AS MATERIALIZED (
        SELECT token FROM uploads WHERE expires_ms <= :now_ms ORDER BY expires_ms LIMIT :limit {skip_locked})
    DELETE FROM uploads WHERE token IN (SELECT token FROM due) RETURNING token
""")

_ADD_BLOB = Sql("""
    INSERT INTO blobs (id, size, media_type, created_ms, let_go_ms)
    VALUES (:id, :size, :media_type, :created_ms, :created_ms)
    ON CONFLICT (id) DO NOTHING
""")
# The row is rewritten for its lock: who condemns bytes at this moment comes before or after, and sees it.
_LAY = Sql("""
    INSERT INTO blobs (id, size, media_type, created_ms, let_go_ms) VALUES (:id, :size, :media_type, :now_ms, :now_ms)
    ON CONFLICT (id) DO UPDATE SET size = blobs.size WHERE blobs.condemned_ms IS NULL
    RETURNING id
""")
_PIN = Sql("""
    INSERT INTO blob_pins (blob, holder, at_ms) VALUES (:id, :holder, :now_ms)
    ON CONFLICT (blob, holder) DO UPDATE SET at_ms = :now_ms
""")
_UNPIN_OLD = Sql("""
    DELETE FROM blob_pins WHERE at_ms <= :before_ms
      AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = blob_pins.holder AND t.status IN ('queued', 'running'))
""")
_HOLD = Sql("UPDATE blobs SET size = size WHERE id = :id AND condemned_ms IS NULL")
_HOLD_ALL = Sql("UPDATE blobs SET size = size WHERE id IN :ids AND condemned_ms IS NULL RETURNING id")
_LOOSE = Sql("""
    SELECT id FROM blobs WHERE let_go_ms <= :before_ms AND condemned_ms IS NULL
      AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE p.blob = blobs.id)
    ORDER BY let_go_ms LIMIT :limit {skip_locked}
""")
_IN_USE = Sql("""
    UPDATE blobs SET let_go_ms = NULL
    WHERE id IN :ids AND EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.id)
""")
_CONDEMN = Sql("""
    UPDATE blobs SET condemned_ms = :now_ms, condemned_by = :owner
    WHERE id IN :ids AND condemned_ms IS NULL
      AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.id)
      AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE p.blob = blobs.id)
    RETURNING id, size
""")
_CONDEMNERS = Sql("SELECT DISTINCT condemned_by FROM blobs WHERE condemned_ms IS NOT NULL")
_TAKE_OVER = Sql("""
    WITH due AS MATERIALIZED (
        SELECT id FROM blobs WHERE condemned_ms IS NOT NULL AND (condemned_ms <= :before_ms OR condemned_by IN :dead)
        ORDER BY condemned_ms LIMIT :limit {skip_locked})
    UPDATE blobs SET condemned_ms = :now_ms, condemned_by = :owner WHERE id IN (SELECT id FROM due)
    RETURNING id, size
""")
_PARDON = Sql("""
    UPDATE blobs SET condemned_ms = NULL, condemned_by = NULL WHERE id IN :ids AND condemned_by = :owner
""")
_BURY = Sql("DELETE FROM blobs WHERE id IN :ids AND condemned_by = :owner")


class SqlUploads:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, upload: Upload, now_ms: int) -> bool:
        added = self._db.run(_ADD_UPLOAD, _values(upload, now_ms))
        if added:
            use(self._db, UPLOAD, upload.token, [upload.blob])
        return added == 1

    def replace(self, upload: Upload, now_ms: int) -> None:
        if self._db.run(_REPLACE_UPLOAD, _values(upload, now_ms)):
            release(self._db, UPLOAD, [upload.token], now_ms)
            use(self._db, UPLOAD, upload.token, [upload.blob])

    def by_token(self, account: AccountId, token: UploadToken) -> Upload | None:
        row = self._db.one(_BY_TOKEN, {"account": account, "token": token})
        return Upload(*row) if row else None

    def by_object(self, account: AccountId, object_key: str) -> Upload | None:
        row = self._db.one(_BY_OBJECT, {"account": account, "object_key": object_key})
        return Upload(*row) if row else None

    def expire(self, now_ms: int, limit: int) -> int:
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


class SqlBlobs:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None:
        self._db.run(_ADD_BLOB, {"id": blob, "size": size, "media_type": media_type, "created_ms": now_ms})

    def pin(self, blob: BlobId, holder: str, size: int, media_type: str, now_ms: int) -> bool:
        facts = {"id": blob, "size": size, "media_type": media_type, "now_ms": now_ms}
        if self._db.one(_LAY, facts) is None:
            return False
        self._db.run(_PIN, {"id": blob, "holder": holder, "now_ms": now_ms})
        return True

    def unpin_old(self, before_ms: int) -> int:
        return self._db.run(_UNPIN_OLD, {"before_ms": before_ms})

    def hold(self, blob: BlobId) -> bool:
        return self._db.run(_HOLD, {"id": blob}) == 1

    def condemn_loose(
        self, owner: str, before_ms: int, now_ms: int, limit: int
    ) -> tuple[int, Sequence[UnreferencedBlob]]:
        loose = [row[0] for row in self._db.all(_LOOSE, {"before_ms": before_ms, "limit": limit})]
        return len(loose), self._condemn(loose, owner, now_ms)

    def condemn(self, blobs: Collection[BlobId], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        rows = self._db.all(_HOLD_ALL, {"ids": self._db.ids(sorted(blobs))})
        return self._condemn([row[0] for row in rows], owner, now_ms)

    def _condemn(self, locked: Sequence[str], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        # The rows are locked by an earlier statement: only a later one sees what was committed while we waited.
        ids = self._db.ids(locked)
        self._db.run(_IN_USE, {"ids": ids})
        rows = self._db.all(_CONDEMN, {"ids": ids, "owner": owner, "now_ms": now_ms})
        return [UnreferencedBlob(BlobId(blob), size) for blob, size in rows]

    def condemners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_CONDEMNERS)]

    def take_over(
        self, owner: str, dead: Sequence[str], before_ms: int, now_ms: int, limit: int
    ) -> Sequence[UnreferencedBlob]:
        facts = {"owner": owner, "dead": self._db.ids(dead), "before_ms": before_ms, "now_ms": now_ms, "limit": limit}
        return [UnreferencedBlob(BlobId(blob), size) for blob, size in self._db.all(_TAKE_OVER, facts)]

    def pardon(self, blobs: Collection[BlobId], owner: str) -> None:
        self._db.run(_PARDON, {"ids": self._db.ids(sorted(blobs)), "owner": owner})

    def bury(self, blobs: Collection[BlobId], owner: str) -> None:
        self._db.run(_BURY, {"ids": self._db.ids(sorted(blobs)), "owner": owner})
