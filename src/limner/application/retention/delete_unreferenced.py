"""Deleting bytes that nobody refers to, in three steps: condemned in the book, deleted, and struck off the book.

What is condemned cannot be pinned, so nobody comes to rely on bytes that are being deleted. Only who condemned them
deletes them: a second janitor takes over when the first one is known to be dead, or has been silent for much longer
than it may take for a deletion to begin.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.blobs import UnreferencedBlob
from limner.domain.ids import BlobId
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock

AT_ONCE = 100
"""Bytes condemned in one unit of work: a few milliseconds of the store's writer."""

START_WITHIN_MS = 60_000
"""A janitor that was held up for this long deletes nothing more: what it condemned may be another's by now."""

ABANDONED_MS = 15 * 60_000
"""After this long another janitor takes over; no request to a store is under way as long as that."""


@dataclass(frozen=True, slots=True)
class DeletedBlobs:
    """What was deleted. `more` says that there may be more to do at once."""

    files: int = 0
    size: int = 0
    more: bool = False

    def __add__(self, other: "DeletedBlobs") -> "DeletedBlobs":
        return DeletedBlobs(self.files + other.files, self.size + other.size, self.more or other.more)


@dataclass(frozen=True, slots=True)
class DeleteUnreferenced:
    """`owner` names this process, `is_dead` tells whether another one is known to be no more."""

    store: Store
    blobs: BlobStore
    clock: Clock
    owner: str
    is_dead: Callable[[str], bool]

    async def __call__(self, let_go_before_ms: int) -> DeletedBlobs:
        """Delete a batch of what nobody has referred to since then, and what another janitor left behind."""
        left = await self._left_by_others()
        now_ms = self.clock.now_ms()
        looked_at, condemned = await self.store.run(
            lambda records: records.blobs.mark_unreferenced_for_deletion(self.owner, let_go_before_ms, now_ms, AT_ONCE)
        )
        swept = left + await self.delete(condemned, now_ms)
        return DeletedBlobs(swept.files, swept.size, more=looked_at == AT_ONCE)

    def condemn(self, records: Records, blobs: Collection[BlobId], now_ms: int) -> Sequence[UnreferencedBlob]:
        """Condemn those of `blobs` that nobody refers to any more; they are to be deleted once this is committed."""
        return records.blobs.mark_for_deletion(blobs, self.owner, now_ms)

    async def delete(self, condemned: Sequence[UnreferencedBlob], condemned_ms: int) -> DeletedBlobs:
        """Delete what this janitor has condemned just now."""
        done = DeletedBlobs()
        for start in range(0, len(condemned), AT_ONCE):
            if self.clock.now_ms() - condemned_ms > START_WITHIN_MS:
                await self._pardon([each.blob for each in condemned[start:]])
                break
            done += await self._delete(condemned[start : start + AT_ONCE])
        return done

    async def _pardon(self, blobs: Sequence[BlobId]) -> None:
        """Leave for the next round what was not begun, unless it is another's by now."""
        await self.store.run(lambda records: records.blobs.unmark(blobs, self.owner))

    async def _delete(self, condemned: Sequence[UnreferencedBlob]) -> DeletedBlobs:
        gone = [each.blob for each in condemned]
        await self.blobs.delete(gone)
        await self.store.run(lambda records: records.blobs.remove_deleted(gone, self.owner))
        return DeletedBlobs(len(gone), sum(each.size for each in condemned))

    async def _left_by_others(self) -> DeletedBlobs:
        owners = await self.store.read(lambda records: records.blobs.deletion_owners())
        if not owners:
            return DeletedBlobs()
        dead, now_ms = [owner for owner in owners if self.is_dead(owner)], self.clock.now_ms()
        taken = await self.store.run(
            lambda records: records.blobs.take_over_deletions(self.owner, dead, now_ms - ABANDONED_MS, now_ms, AT_ONCE)
        )
        return await self.delete(taken, now_ms)
