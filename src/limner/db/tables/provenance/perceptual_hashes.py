"""The perceptual hashes of pictures that were made here, and the index by which they are found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from limner.db.sql import Db, Sql
from limner.domain.ids import BlobId


@dataclass(frozen=True, slots=True)
class PerceptualHashProgress:
    """The hashes of all tasks that ended from `oldest_ms` up to `newest_ms` are indexed."""

    oldest_ms: int
    newest_ms: int


@dataclass(frozen=True, slots=True)
class UnindexedPicture:
    """A picture of a task that ended at `finished_ms`; `phash` is None where it is still to be made of the file."""

    blob: BlobId
    phash: bytes | None
    finished_ms: int


MOST_OF_BAND = 2_000
"""Candidates that agree in one band; a million pictures have some 250 by chance."""

_UNINDEXED = """
    SELECT u.blob, b.phash, t.finished_ms FROM tasks t
    JOIN blob_uses u ON u.holder = t.id AND u.kind = 'result'
    JOIN blobs b ON b.id = u.blob
    WHERE t.keeps_results = 1 AND t.finished_ms {bound}
      AND NOT EXISTS (SELECT 1 FROM perceptual_hashes p WHERE p.blob = u.blob)
    ORDER BY t.finished_ms {order} LIMIT :limit
"""
_SINCE = Sql(_UNINDEXED.format(bound=">= :time_ms", order=""))
_BEFORE = Sql(_UNINDEXED.format(bound="< :time_ms", order="DESC"))
_PROGRESS = Sql("SELECT oldest_ms, newest_ms FROM perceptual_hash_progress WHERE id = 1")
_BEGIN = Sql("""
    INSERT INTO perceptual_hash_progress (id, oldest_ms, newest_ms) VALUES (1, :time_ms, :time_ms)
    ON CONFLICT (id) DO NOTHING
""")
_REACHED_NEW = Sql("UPDATE perceptual_hash_progress SET newest_ms = :time_ms WHERE id = 1 AND newest_ms < :time_ms")
_REACHED_OLD = Sql("UPDATE perceptual_hash_progress SET oldest_ms = :time_ms WHERE id = 1 AND oldest_ms > :time_ms")
# The row of the blob is locked: who deletes it comes before, and takes the hash along, or afterwards.
_SET_HASH = Sql("UPDATE blobs SET phash = coalesce(phash, :phash) WHERE id = :blob")
_INDEX = Sql("""
    INSERT INTO perceptual_hashes (blob, band_1, band_2, band_3, band_4)
    VALUES (:blob, :band_1, :band_2, :band_3, :band_4) ON CONFLICT (blob) DO NOTHING
""")
_NEAR = [
    Sql(f"""
        SELECT p.blob, b.phash FROM perceptual_hashes p JOIN blobs b ON b.id = p.blob
        WHERE p.band_{number} IN :bands AND b.phash IS NOT NULL LIMIT :limit
    """)
    for number in range(1, 5)
]


class PerceptualHashTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def progress_or_none(self) -> PerceptualHashProgress | None:
        """How far the index is; None before the first picture."""
        row = self._db.one(_PROGRESS, {})
        return PerceptualHashProgress(*row) if row else None

    def begin(self, start_ms: int) -> None:
        """Begin at this time, in both directions, unless that was done."""
        self._db.run(_BEGIN, {"time_ms": start_ms})

    def reached(self, *, newest_ms: int | None = None, oldest_ms: int | None = None) -> None:
        if newest_ms is not None:
            self._db.run(_REACHED_NEW, {"time_ms": newest_ms})
        if oldest_ms is not None:
            self._db.run(_REACHED_OLD, {"time_ms": oldest_ms})

    def since(self, time_ms: int, limit: int) -> Sequence[UnindexedPicture]:
        return [_unindexed(*row) for row in self._db.all(_SINCE, {"time_ms": time_ms, "limit": limit})]

    def before(self, time_ms: int, limit: int) -> Sequence[UnindexedPicture]:
        """The newest first."""
        return [_unindexed(*row) for row in self._db.all(_BEFORE, {"time_ms": time_ms, "limit": limit})]

    def index(self, hashes: Mapping[BlobId, tuple[bytes | None, Sequence[int] | None]]) -> None:
        """Write hashes with their bands. Those without bands are not looked at again."""
        for blob, (phash, found) in hashes.items():
            if self._db.run(_SET_HASH, {"blob": blob, "phash": phash}):
                columns = {f"band_{number}": found[number - 1] if found else None for number in range(1, 5)}
                self._db.run(_INDEX, {"blob": blob, **columns})

    def near(self, probes: Sequence[Sequence[int]]) -> Iterator[tuple[BlobId, bytes]]:
        """Pictures that agree with one of the values in at least one band; some may come twice."""
        for statement, values in zip(_NEAR, probes, strict=True):
            for blob, phash in self._db.all(statement, {"bands": self._db.ids(values), "limit": MOST_OF_BAND}):
                yield BlobId(blob), bytes(phash)


def _unindexed(blob: str, phash: bytes | None, finished_ms: int) -> UnindexedPicture:
    return UnindexedPicture(BlobId(blob), None if phash is None else bytes(phash), finished_ms)
