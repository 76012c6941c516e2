"""Deletes blobs that no row refers to, in three steps: marked in the database, deleted from the store, row removed.

A marked blob cannot be pinned, so no row comes to refer to it while it is being deleted. The mark is a lease: only its
owner deletes the blob, renews the mark before each request, and bounds each request. Another process takes the mark
over when the owner is known to be dead, or has not renewed it for much longer than a request may take.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.blobs import UnreferencedBlob
from limner.domain.ids import BlobId
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock

MARK_BATCH = 100
"""Blobs marked in one unit of work, which keeps the database's writer busy for a few milliseconds."""

CONCURRENT_REQUESTS = 8
"""Blobs whose marks are renewed together and that are then deleted at once."""

REQUEST_TIMEOUT_S = 60.0
"""For the deletions that run at once."""

START_WITHIN_MS = 60_000
"""A process that was held up for longer than this after it renewed its marks begins no request with them."""

ABANDONED_MS = 15 * 60_000
"""Age of a mark at which another process takes it over: no request that began with it is still under way."""


@dataclass(frozen=True, slots=True)
class DeletedBlobs:
    """How many files were deleted, and their size in bytes. `more` says that there may be more to delete now."""

    files: int = 0
    size: int = 0
    more: bool = False

    def __add__(self, other: "DeletedBlobs") -> "DeletedBlobs":
        return DeletedBlobs(self.files + other.files, self.size + other.size, self.more or other.more)


@dataclass(frozen=True, slots=True)
class DeleteUnreferenced:
    """`owner` names this process in its marks; `is_dead` says whether another owner's process has ended."""

    store: Store
    blobs: BlobStore
    clock: Clock
    owner: str
    is_dead: Callable[[str], bool]
    request_timeout_s: float = REQUEST_TIMEOUT_S

    async def __call__(self, released_before_ms: int) -> DeletedBlobs:
        """Delete a batch of blobs that were released before then, and blobs that another process left marked."""
        taken_over = await self._take_over()
        now_ms = self.clock.now_ms()
        candidates, marked = await self.store.run(
            lambda records: records.blobs.mark_unreferenced(self.owner, released_before_ms, now_ms, MARK_BATCH)
        )
        deleted = taken_over + await self.delete(marked, now_ms)
        return DeletedBlobs(deleted.files, deleted.size, more=candidates == MARK_BATCH)

    def mark(self, records: Records, blobs: Collection[BlobId], now_ms: int) -> Sequence[UnreferencedBlob]:
        """Mark those of `blobs` that nothing refers to. Pass them to `delete` once this is committed."""
        return records.blobs.mark_for_deletion(blobs, self.owner, now_ms)

    async def delete(self, marked: Sequence[UnreferencedBlob], marked_ms: int) -> DeletedBlobs:
        """Delete the blobs that this process marked at `marked_ms`, apart from those that are another's by now.

        Raises `TimeoutError` when the store does not answer. What was not begun is then unmarked. What was begun stays
        marked, as the store may still carry it out.
        """
        done, renewed_ms = DeletedBlobs(), marked_ms
        for start in range(0, len(marked), CONCURRENT_REQUESTS):
            now_ms = self.clock.now_ms()
            if now_ms - renewed_ms > START_WITHIN_MS:
                await self._unmark(marked[start:])
                break
            group, renewed_ms = marked[start : start + CONCURRENT_REQUESTS], now_ms
            try:
                done += await self._delete(group, now_ms)
            except BaseException:
                await self._unmark(marked[start + CONCURRENT_REQUESTS :])
                raise
        return done

    async def _delete(self, group: Sequence[UnreferencedBlob], now_ms: int) -> DeletedBlobs:
        names = [each.blob for each in group]
        ours = await self.store.run(lambda records: records.blobs.renew_marks(names, self.owner, now_ms))
        if self.clock.now_ms() - now_ms > START_WITHIN_MS:
            await self._unmark(ours)
            return DeletedBlobs()
        names = [each.blob for each in ours]
        async with asyncio.timeout(self.request_timeout_s):
            await self.blobs.delete(names)
        await self.store.run(lambda records: records.blobs.remove_deleted(names, self.owner))
        return DeletedBlobs(len(ours), sum(each.size for each in ours))

    async def _unmark(self, blobs: Sequence[UnreferencedBlob]) -> None:
        names = [each.blob for each in blobs]
        if names:
            await self.store.run(lambda records: records.blobs.unmark(names, self.owner))

    async def _take_over(self) -> DeletedBlobs:
        owners = await self.store.read(lambda records: records.blobs.deletion_owners())
        if not owners:
            return DeletedBlobs()
        dead, now_ms = [owner for owner in owners if self.is_dead(owner)], self.clock.now_ms()
        taken = await self.store.run(
            lambda records: records.blobs.take_over_marks(self.owner, dead, now_ms, ABANDONED_MS, MARK_BATCH)
        )
        return await self.delete(taken, now_ms)
