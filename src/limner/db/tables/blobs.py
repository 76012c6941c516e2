"""The bytes in the store, and who refers to them: what nobody uses may be removed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import BlobId


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """Bytes that nobody refers to, and how many there are."""

    blob: BlobId
    size: int


UPLOAD, INPUT, RESULT = "upload", "input", "result"

_USE = Sql("""
    INSERT INTO blob_uses (blob, kind, holder) VALUES (:blob, :kind, :holder)
    ON CONFLICT (blob, kind, holder) DO NOTHING
""")
_UNPIN = Sql("DELETE FROM blob_pins WHERE blob = :blob AND holder = :holder")
_RELEASE = Sql("DELETE FROM blob_uses WHERE kind = :kind AND holder IN :holders RETURNING blob")
# Whether somebody else uses them is found out by who condemns them, under a lock. Here two that let go at the same
# moment would each see the other.
_LET_GO = Sql("UPDATE blobs SET let_go_ms = :now_ms WHERE id IN :ids")


def use(db: Db, kind: str, holder: str, blobs: Sequence[BlobId]) -> None:
    """Note, in the unit of work that makes it so, that `holder` refers to these bytes; its pins are done with."""
    for blob in blobs:
        db.run(_USE, {"blob": blob, "kind": kind, "holder": holder})
        db.run(_UNPIN, {"blob": blob, "holder": holder})


def unpin(db: Db, holder: str, blobs: Sequence[BlobId]) -> None:
    """Note that `holder` will not refer to these bytes after all."""
    for blob in blobs:
        db.run(_UNPIN, {"blob": blob, "holder": holder})


def release(db: Db, kind: str, holders: Sequence[str], now_ms: int) -> set[BlobId]:
    """Note that these holders refer to nothing any more; what they referred to."""
    rows = db.all(_RELEASE, {"kind": kind, "holders": db.ids(holders)})
    blobs = {BlobId(row[0]) for row in rows}
    db.run(_LET_GO, {"ids": db.ids(sorted(blobs)), "now_ms": now_ms})
    return blobs


def blobs_in(stored: Any) -> Iterator[BlobId]:
    """Every blob that a structure names, however deep, in a field `blob`."""
    if isinstance(stored, Mapping):
        if isinstance(blob := stored.get("blob"), str):
            yield BlobId(blob)
        for value in stored.values():
            yield from blobs_in(value)
    elif isinstance(stored, list | tuple):
        for value in stored:
            yield from blobs_in(value)


_ADD = Sql("""
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


class BlobTable:
    """The book about the bytes in the store: whatever lies there has had its row before its first byte.

    Bytes are *pinned* before they are put, *used* from the unit of work on that refers to them, and *condemned* before
    they are deleted. Only what is neither used nor pinned can be condemned, and what is condemned cannot be pinned:
    so nobody finds bytes in the store, refers to them, and loses them to a janitor in between.
    """

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None:
        self._db.run(_ADD, {"id": blob, "size": size, "media_type": media_type, "created_ms": now_ms})

    def pin(self, blob: BlobId, holder: str, size: int, media_type: str, now_ms: int) -> bool:
        """Keep these bytes until `holder` refers to them; False while they are being deleted."""
        facts = {"id": blob, "size": size, "media_type": media_type, "now_ms": now_ms}
        if self._db.one(_LAY, facts) is None:
            return False
        self._db.run(_PIN, {"id": blob, "holder": holder, "now_ms": now_ms})
        return True

    def unpin_abandoned(self, before_ms: int) -> int:
        """Let go of what was pinned by then for no task under way: whoever did it is no more."""
        return self._db.run(_UNPIN_OLD, {"before_ms": before_ms})

    def lock(self, blob: BlobId) -> bool:
        """Whether the bytes are there, and stay at least until this unit of work is committed."""
        return self._db.run(_HOLD, {"id": blob}) == 1

    def mark_unreferenced_for_deletion(
        self, owner: str, before_ms: int, now_ms: int, limit: int
    ) -> tuple[int, Sequence[UnreferencedBlob]]:
        """Condemn, for `owner` to delete, what nobody has used since then. Also says how many were looked at."""
        loose = [row[0] for row in self._db.all(_LOOSE, {"before_ms": before_ms, "limit": limit})]
        return len(loose), self._condemn(loose, owner, now_ms)

    def mark_for_deletion(self, blobs: Collection[BlobId], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        """Condemn those of `blobs` that nobody uses."""
        rows = self._db.all(_HOLD_ALL, {"ids": self._db.ids(sorted(blobs))})
        return self._condemn([row[0] for row in rows], owner, now_ms)

    def _condemn(self, locked: Sequence[str], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        # The rows are locked by an earlier statement: only a later one sees what was committed while we waited.
        ids = self._db.ids(locked)
        self._db.run(_IN_USE, {"ids": ids})
        rows = self._db.all(_CONDEMN, {"ids": ids, "owner": owner, "now_ms": now_ms})
        return [UnreferencedBlob(BlobId(blob), size) for blob, size in rows]

    def deletion_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_CONDEMNERS)]

    def take_over_deletions(
        self, owner: str, dead: Sequence[str], before_ms: int, now_ms: int, limit: int
    ) -> Sequence[UnreferencedBlob]:
        """Bytes that were condemned before then, or by somebody who is dead, and are not deleted yet: now ours to."""
        facts = {"owner": owner, "dead": self._db.ids(dead), "before_ms": before_ms, "now_ms": now_ms, "limit": limit}
        return [UnreferencedBlob(BlobId(blob), size) for blob, size in self._db.all(_TAKE_OVER, facts)]

    def unmark(self, blobs: Collection[BlobId], owner: str) -> None:
        """Take back what `owner` has condemned and not begun to delete."""
        self._db.run(_PARDON, {"ids": self._db.ids(sorted(blobs)), "owner": owner})

    def remove_deleted(self, blobs: Collection[BlobId], owner: str) -> None:
        """Forget bytes that `owner` has deleted."""
        self._db.run(_BURY, {"ids": self._db.ids(sorted(blobs)), "owner": owner})
