"""Who refers to which bytes, kept beside every row that does: what nobody uses may be removed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from limner.db.sql import Db, Sql
from limner.domain.ids import BlobId

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
