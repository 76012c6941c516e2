"""Indexing perceptual hashes: of pictures that were just made, and, little by little, of those before the index."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provenance.perceptual_hashes import PerceptualHashProgress, UnindexedPicture
from limner.domain.ids import BlobId
from limner.domain.perceptual_hash import HASH_BYTES, bands
from limner.domain.refusal import Refusal
from limner.ports.blobs import BlobMissing, BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.scratch_paths import scratch_folder

BATCH = 200
MOST_RECENT = 2_000
"""Pictures that one call indexes, so that nobody waits for a backlog."""

OVERLAP_MS = 30_000
"""Ends of tasks may be committed later than others that came after: so much is looked at again."""

_Hashes = dict[BlobId, tuple[bytes | None, Sequence[int] | None]]


@dataclass(frozen=True, slots=True)
class IndexPerceptualHashes:
    """Several processes may do so at once: what both index is written once."""

    store: Store
    blobs: BlobStore
    intake: Intake
    clock: Clock
    scratch: Path

    async def recent(self) -> int:
        """Index the pictures of tasks that ended since the last time. Returns how many there were."""
        done = 0
        while done < MOST_RECENT:
            start_ms = self.clock.now_ms() - OVERLAP_MS
            progress, waiting = await self.store.read(lambda records: _since(records, start_ms))  # noqa: B023 - awaited
            hashes = await self._hashes(waiting)
            reached_ms = waiting[-1].finished_ms if len(waiting) == BATCH else start_ms
            if progress is None or hashes or reached_ms > progress.newest_ms + OVERLAP_MS:
                await self.store.run(lambda records: _write_new(records, hashes, start_ms, reached_ms))  # noqa: B023
            done += len(waiting)
            if len(waiting) < BATCH:
                break
        return done

    async def older(self, limit: int) -> int:
        """Index the newest of the pictures that were made before there was an index. Returns how many there were."""
        progress = await self.store.read(lambda records: records.perceptual_hashes.progress_or_none())
        if progress is None or progress.oldest_ms == 0:
            return 0
        waiting = await self.store.read(lambda records: records.perceptual_hashes.before(progress.oldest_ms, limit))
        hashes = await self._hashes(waiting)
        # One millisecond is gone through again: more tasks may have ended in it.
        reached_ms = waiting[-1].finished_ms + 1 if len(waiting) == limit else 0
        await self.store.run(lambda records: _write_old(records, hashes, reached_ms))
        return len(waiting)

    async def _hashes(self, waiting: Sequence[UnindexedPicture]) -> _Hashes:
        hashes = {each.blob: each.phash or await self._hash(each.blob) for each in waiting}
        return await asyncio.to_thread(lambda: {blob: (phash, _bands(phash)) for blob, phash in hashes.items()})

    async def _hash(self, blob: BlobId) -> bytes | None:
        """The perceptual hash of a stored picture; None where it cannot be read."""
        async with scratch_folder(self.scratch, "hash") as folder:
            try:
                return (await self.intake.inspect(await self.blobs.local(blob, folder))).phash
            except (BlobMissing, FileNotFoundError, Refusal):
                return None


def _bands(phash: bytes | None) -> Sequence[int] | None:
    return bands(phash) if phash is not None and len(phash) == HASH_BYTES else None


def _since(records: Records, start_ms: int) -> tuple[PerceptualHashProgress | None, Sequence[UnindexedPicture]]:
    progress = records.perceptual_hashes.progress_or_none()
    since_ms = progress.newest_ms if progress else start_ms
    return progress, records.perceptual_hashes.since(since_ms, BATCH)


def _write_new(records: Records, hashes: _Hashes, start_ms: int, reached_ms: int) -> None:
    records.perceptual_hashes.begin(start_ms)
    records.perceptual_hashes.index(hashes)
    records.perceptual_hashes.reached(newest_ms=min(reached_ms, start_ms))


def _write_old(records: Records, hashes: _Hashes, reached_ms: int) -> None:
    records.perceptual_hashes.index(hashes)
    records.perceptual_hashes.reached(oldest_ms=reached_ms)
