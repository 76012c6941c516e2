"""The bytes in the store, and the rows that refer to them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import BlobId


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """A blob that no row refers to, and its size in bytes."""

    blob: BlobId
    size: int


UPLOAD, INPUT, RESULT = "upload", "input", "result"

_USE = Sql("""
    INSERT INTO blob_uses (blob, kind, holder) VALUES (:blob, :kind, :holder)
    ON CONFLICT (blob, kind, holder) DO NOTHING
""")
_UNPIN = Sql("DELETE FROM blob_pins WHERE blob = :blob AND holder = :holder")
_RELEASE = Sql("DELETE FROM blob_uses WHERE kind = :kind AND holder IN :holders RETURNING blob")
# Whether other rows refer to the blobs is decided when they are marked for deletion, under a lock. Here, two holders
# that release a blob at the same moment would each see the other's reference.
_TOTAL_SIZE = Sql("SELECT coalesce(sum(size), 0) FROM blobs WHERE id IN :ids")
_LET_GO = Sql("UPDATE blobs SET let_go_ms = :now_ms WHERE id IN :ids")


def use(db: Db, kind: str, holder: str, blobs: Sequence[BlobId]) -> None:
    """Record that `holder` refers to these blobs, in the transaction that writes the reference; removes its pins."""
    for blob in blobs:
        db.later(_USE, {"blob": blob, "kind": kind, "holder": holder})
        db.later(_UNPIN, {"blob": blob, "holder": holder})


def unpin(db: Db, holder: str, blobs: Sequence[BlobId]) -> None:
    """Remove the pins of a holder that will not refer to these blobs after all."""
    for blob in blobs:
        db.run(_UNPIN, {"blob": blob, "holder": holder})


def release(db: Db, kind: str, holders: Sequence[str], now_ms: int) -> set[BlobId]:
    """Remove all references of this kind that the holders have; returns the blobs that they referred to."""
    rows = db.all(_RELEASE, {"kind": kind, "holders": db.ids(holders)})
    blobs = {BlobId(row[0]) for row in rows}
    db.run(_LET_GO, {"ids": db.ids(sorted(blobs)), "now_ms": now_ms})
    return blobs


def blobs_in(stored: Any) -> Iterator[BlobId]:
    """Every blob in a field `blob` of a nested structure."""
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
# The update changes nothing and locks the row: who marks the blob for deletion comes before, or sees the pin.
_ADD_OR_LOCK = Sql("""
    INSERT INTO blobs (id, size, media_type, created_ms, let_go_ms, phash)
    VALUES (:id, :size, :media_type, :now_ms, :now_ms, :phash)
    ON CONFLICT (id) DO UPDATE SET size = blobs.size WHERE blobs.condemned_ms IS NULL
    RETURNING id
""")
_PIN = Sql("""
    INSERT INTO blob_pins (blob, holder, at_ms) VALUES (:id, :holder, {shared_now_ms})
    ON CONFLICT (blob, holder) DO UPDATE SET at_ms = excluded.at_ms
""")
_UNPIN_ABANDONED = Sql("""
    DELETE FROM blob_pins WHERE at_ms <= :before_ms
      AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = blob_pins.holder AND t.status IN ('queued', 'running'))
""")
_EXISTS = Sql("SELECT 1 FROM blobs WHERE id = :id AND condemned_ms IS NULL")
_LOCK = Sql("UPDATE blobs SET size = size WHERE id = :id AND condemned_ms IS NULL")
_LOCK_ALL = Sql("UPDATE blobs SET size = size WHERE id IN :ids AND condemned_ms IS NULL RETURNING id")
_CANDIDATES = Sql("""
    SELECT id FROM blobs WHERE let_go_ms <= :before_ms AND condemned_ms IS NULL
      AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE p.blob = blobs.id)
    ORDER BY let_go_ms LIMIT :limit {skip_locked}
""")
_IN_USE = Sql("""
    UPDATE blobs SET let_go_ms = NULL
    WHERE id IN :ids AND EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.id)
""")
_MARK = Sql("""
    UPDATE blobs SET condemned_ms = :now_ms, condemned_by = :owner
    WHERE id IN :ids AND condemned_ms IS NULL
      AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.blob = blobs.id)
      AND NOT EXISTS (SELECT 1 FROM blob_pins p WHERE p.blob = blobs.id)
    RETURNING id, size
""")
_RENEW = Sql("UPDATE blobs SET condemned_ms = :now_ms WHERE id IN :ids AND condemned_by = :owner RETURNING id, size")
_OWNERS = Sql("SELECT DISTINCT condemned_by FROM blobs WHERE condemned_ms IS NOT NULL")
_TAKE_OVER = Sql("""
    WITH due AS MATERIALIZED (
        SELECT id FROM blobs WHERE condemned_ms IS NOT NULL AND (condemned_ms <= :before_ms OR condemned_by IN :dead)
        ORDER BY condemned_ms LIMIT :limit {skip_locked})
    UPDATE blobs SET condemned_ms = :now_ms, condemned_by = :owner WHERE id IN (SELECT id FROM due)
    RETURNING id, size
""")
_UNMARK = Sql("""
    UPDATE blobs SET condemned_ms = NULL, condemned_by = NULL WHERE id IN :ids AND condemned_by = :owner
""")
_REMOVE = Sql("DELETE FROM blobs WHERE id IN :ids AND condemned_by = :owner")
_REMOVE_HASHES = Sql("""
    DELETE FROM perceptual_hashes
    WHERE blob IN :ids AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.id = perceptual_hashes.blob)
""")


class BlobTable:
    """One row for every blob in the store, written before its first byte is.

    A blob is *pinned* before it is put, *used* by the rows that refer to it, and *marked for deletion* before it is
    deleted. Only a blob that is neither used nor pinned can be marked, and a marked one cannot be pinned: so no blob is
    deleted after it was found in the store and before a row refers to it. The mark is a lease of the process that
    deletes: `renew_marks` before each request, and `take_over_marks` when it has not been renewed.
    """

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, blob: BlobId, size: int, media_type: str, now_ms: int) -> None:
        self._db.later(_ADD, {"id": blob, "size": size, "media_type": media_type, "created_ms": now_ms})

    def pin(  # noqa: PLR0917 - the row
        self, blob: BlobId, holder: str, size: int, media_type: str, now_ms: int, phash: bytes | None = None
    ) -> bool:
        """Keep this blob until `holder` refers to it; False while it is being deleted."""
        facts = {"id": blob, "size": size, "media_type": media_type, "now_ms": now_ms, "phash": phash}
        if self._db.one(_ADD_OR_LOCK, facts) is None:
            return False
        self._db.later(_PIN, {"id": blob, "holder": holder, **self._db.local_now(now_ms)})
        return True

    def total_size(self, blobs: Sequence[BlobId]) -> int:
        """The size of these blobs together, each counted once."""
        return int(self._db.value(_TOTAL_SIZE, {"ids": self._db.ids(blobs)}))

    def unpin_abandoned(self, now_ms: int, pin_ms: int) -> int:
        """Remove pins that are older than `pin_ms` and not of an unfinished task; returns how many."""
        return self._db.run(_UNPIN_ABANDONED, {"before_ms": self._db.shared_now_ms(now_ms) - pin_ms})

    def exists(self, blob: BlobId) -> bool:
        """Whether the blob exists, and is not about to be deleted."""
        return self._db.one(_EXISTS, {"id": blob}) is not None

    def lock(self, blob: BlobId) -> bool:
        """Whether the blob exists; it cannot be marked for deletion before this unit of work is committed."""
        return self._db.run(_LOCK, {"id": blob}) == 1

    def mark_unreferenced(
        self, owner: str, before_ms: int, now_ms: int, limit: int
    ) -> tuple[int, Sequence[UnreferencedBlob]]:
        """Mark, for `owner` to delete, blobs that nothing refers to and that were released before `before_ms`.

        Also returns how many candidates were looked at, `limit` at most.
        """
        candidates = [row[0] for row in self._db.all(_CANDIDATES, {"before_ms": before_ms, "limit": limit})]
        return len(candidates), self._mark(candidates, owner, now_ms)

    def mark_for_deletion(self, blobs: Collection[BlobId], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        """Mark those of `blobs` that nothing refers to, for `owner` to delete once this is committed."""
        rows = self._db.all(_LOCK_ALL, {"ids": self._db.ids(sorted(blobs))})
        return self._mark([row[0] for row in rows], owner, now_ms)

    def _mark(self, locked: Sequence[str], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        # The rows were locked by an earlier statement: a later one sees all that was committed before the lock was got.
        ids = self._db.ids(locked)
        self._db.run(_IN_USE, {"ids": ids})
        rows = self._db.all(_MARK, {"ids": ids, "owner": owner, "now_ms": self._db.shared_now_ms(now_ms)})
        return _unreferenced(rows)

    def deletion_owners(self) -> Sequence[str]:
        return [row[0] for row in self._db.all(_OWNERS)]

    def renew_marks(self, blobs: Collection[BlobId], owner: str, now_ms: int) -> Sequence[UnreferencedBlob]:
        """Renew the marks of `owner` on these blobs; returns those that are its own still."""
        facts = {"ids": self._db.ids(sorted(blobs)), "owner": owner, "now_ms": self._db.shared_now_ms(now_ms)}
        return _unreferenced(self._db.all(_RENEW, facts))

    def take_over_marks(
        self, owner: str, dead: Sequence[str], now_ms: int, abandoned_ms: int, limit: int
    ) -> Sequence[UnreferencedBlob]:
        """Give `owner` the marks of dead owners, and those that were not renewed for `abandoned_ms`."""
        shared_ms = self._db.shared_now_ms(now_ms)
        facts = {"owner": owner, "dead": self._db.ids(dead), "limit": limit}
        times = {"before_ms": shared_ms - abandoned_ms, "now_ms": shared_ms}
        return _unreferenced(self._db.all(_TAKE_OVER, facts | times))

    def unmark(self, blobs: Collection[BlobId], owner: str) -> None:
        """Remove the marks of `owner` from blobs whose deletion it has not begun."""
        self._db.run(_UNMARK, {"ids": self._db.ids(sorted(blobs)), "owner": owner})

    def remove_deleted(self, blobs: Collection[BlobId], owner: str) -> None:
        """Remove the rows of blobs that `owner` has deleted from the store."""
        ids = self._db.ids(sorted(blobs))
        self._db.run(_REMOVE, {"ids": ids, "owner": owner})
        self._db.run(_REMOVE_HASHES, {"ids": ids})


def _unreferenced(rows: Sequence[tuple[str, int]]) -> Sequence[UnreferencedBlob]:
    return [UnreferencedBlob(BlobId(blob), size) for blob, size in rows]
