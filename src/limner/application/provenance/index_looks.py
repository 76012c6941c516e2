"""Indexing the looks of pictures: those that were just made, and, little by little, those of before the index."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provenance.looks import LookProgress, UnindexedPicture
from limner.domain.ids import BlobId
from limner.domain.look import LOOK_BYTES, bands
from limner.domain.refusal import Refusal
from limner.ports.blobs import BlobMissing, BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Intake

BATCH = 200
MOST_RECENT = 2_000
"""Pictures that one call indexes, so that nobody waits for a backlog."""

OVERLAP_MS = 30_000
"""Ends of tasks may be committed later than others that came after: so much is looked at again."""

_Looks = dict[BlobId, tuple[bytes | None, Sequence[int] | None]]


@dataclass(frozen=True, slots=True)
class IndexLooks:
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
            looks = await self._looks(waiting)
            reached_ms = waiting[-1].finished_ms if len(waiting) == BATCH else start_ms
            if progress is None or looks or reached_ms > progress.newest_ms + OVERLAP_MS:
                await self.store.run(lambda records: _write_new(records, looks, start_ms, reached_ms))  # noqa: B023
            done += len(waiting)
            if len(waiting) < BATCH:
                break
        return done

    async def older(self, limit: int) -> int:
        """Index the newest of the pictures that were made before there was an index. Returns how many there were."""
        progress = await self.store.read(lambda records: records.looks.progress_or_none())
        if progress is None or progress.oldest_ms == 0:
            return 0
        waiting = await self.store.read(lambda records: records.looks.before(progress.oldest_ms, limit))
        looks = await self._looks(waiting)
        # One millisecond is gone through again: more tasks may have ended in it.
        reached_ms = waiting[-1].finished_ms + 1 if len(waiting) == limit else 0
        await self.store.run(lambda records: _write_old(records, looks, reached_ms))
        return len(waiting)

    async def _looks(self, waiting: Sequence[UnindexedPicture]) -> _Looks:
        looks = {each.blob: each.look or await self._look(each.blob) for each in waiting}
        return await asyncio.to_thread(lambda: {blob: (look, _bands(look)) for blob, look in looks.items()})

    async def _look(self, blob: BlobId) -> bytes | None:
        """The look of a stored picture; None where it cannot be read."""
        workdir = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="look-", dir=self.scratch))
        try:
            return (await self.intake.inspect(await self.blobs.local(blob, workdir))).look
        except (BlobMissing, FileNotFoundError, Refusal):
            return None
        finally:
            await asyncio.to_thread(shutil.rmtree, workdir, ignore_errors=True)


def _bands(look: bytes | None) -> Sequence[int] | None:
    return bands(look) if look is not None and len(look) == LOOK_BYTES else None


def _since(records: Records, start_ms: int) -> tuple[LookProgress | None, Sequence[UnindexedPicture]]:
    progress = records.looks.progress_or_none()
    since_ms = progress.newest_ms if progress else start_ms
    return progress, records.looks.since(since_ms, BATCH)


def _write_new(records: Records, looks: _Looks, start_ms: int, reached_ms: int) -> None:
    records.looks.begin(start_ms)
    records.looks.index(looks)
    records.looks.reached(newest_ms=min(reached_ms, start_ms))


def _write_old(records: Records, looks: _Looks, reached_ms: int) -> None:
    records.looks.index(looks)
    records.looks.reached(oldest_ms=reached_ms)
