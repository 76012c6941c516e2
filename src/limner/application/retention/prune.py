"""Removes expired pictures and other data whose retention has ended, in small batches."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

from limner.application.images.keep import PIN_MS
from limner.application.retention.delete_unreferenced import DeletedBlobs, DeleteUnreferenced
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.idempotency import IDEMPOTENCY_TTL_MS
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.parts import UploadParts

BATCH = 100
"""Rows removed in one unit of work, which keeps the database's writer busy for a few milliseconds."""

PAUSE_S = 0.02
"""Between two batches, so that a backlog of a million rows does not delay other work."""

PARTIAL_FILE_MS = 3_600_000
"""A partial file that did not grow for this long has no writer."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long data is kept, in milliseconds; None is for ever.

    Inputs and results count from their task's end, `unused_ms` from the release of the last reference to a blob;
    `events_ms` is also for the log of webhook deliveries.
    """

    inputs_ms: int | None
    results_ms: int | None
    events_ms: int | None
    unused_ms: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was removed: rows, tasks whose pictures were released, files and their size in bytes."""

    uploads: int
    keys: int
    events: int
    deliveries: int
    inputs: int
    results: int
    files: int
    size: int

    def __bool__(self) -> bool:
        return any(astuple(self))


ABANDONED_UPLOAD_MS = 24 * 3_600_000
"""A multipart upload without a new part for this long is abandoned."""


REFUSALS_MS = 90 * 24 * 3_600_000
"""How long the log of refusals is kept, with the texts and appeals in it."""


@dataclass(frozen=True, slots=True)
class Prune:
    store: Store
    blobs: BlobStore
    parts: UploadParts
    clock: Clock
    delete_unreferenced: DeleteUnreferenced
    policy: RetentionPolicy

    async def __call__(self) -> Pruned:
        """Remove all that is due. Several processes may do so at once; they share the work."""
        now_ms, policy = self.clock.now_ms(), self.policy
        uploads = await self._all(lambda records: records.uploads.expire(now_ms, BATCH))
        keys = await self._all(
            lambda records: records.retention.delete_idempotency_keys(now_ms - IDEMPOTENCY_TTL_MS, BATCH)
        )
        events = await self._due(policy.events_ms, _events, now_ms)
        deliveries = await self._due(policy.events_ms, _deliveries, now_ms)
        inputs = await self._due(policy.inputs_ms, _inputs, now_ms)
        results = await self._due(policy.results_ms, _results, now_ms)
        await self._due(REFUSALS_MS, _refusals, now_ms)
        deleted = await self._delete_unreferenced(now_ms)
        return Pruned(uploads, keys, events, deliveries, inputs, results, deleted.files, deleted.size)

    async def merge_prompt_index(self) -> None:
        """Let the words of erased prompts leave the files of the database."""
        more = await self.store.run(lambda records: records.prompt_index.merge(begin=True))
        while more:
            await self.clock.sleep(PAUSE_S)
            more = await self.store.run(lambda records: records.prompt_index.merge(begin=False))

    async def reclaim(self) -> int:
        """Remove partial files, and parts of abandoned uploads; returns how many."""
        now_ms = self.clock.now_ms()
        return await self.blobs.reclaim(now_ms - PARTIAL_FILE_MS) + await self.parts.reclaim(
            now_ms - ABANDONED_UPLOAD_MS
        )

    async def _due(self, age_ms: int | None, step: "Step", now_ms: int) -> int:
        if age_ms is None:
            return 0
        return await self._all(lambda records: step(records, now_ms - age_ms, now_ms))

    async def _all(self, batch: Callable[[Records], int]) -> int:
        done = count = await self.store.run(batch)
        while count >= BATCH:
            await self.clock.sleep(PAUSE_S)
            count = await self.store.run(batch)
            done += count
        return done

    async def _delete_unreferenced(self, now_ms: int) -> DeletedBlobs:
        await self.store.run(lambda records: records.blobs.unpin_abandoned(now_ms, PIN_MS))
        done = await self.delete_unreferenced(now_ms - self.policy.unused_ms)
        while done.more:
            await self.clock.sleep(PAUSE_S)
            done = DeletedBlobs(done.files, done.size) + await self.delete_unreferenced(now_ms - self.policy.unused_ms)
        return done


Step = Callable[[Records, int, int], int]
"""Removes a batch of rows from before the first time; the second time is now. Returns how many rows."""


def _events(records: Records, before_ms: int, _now_ms: int) -> int:
    return records.retention.remove_events(before_ms, BATCH)


def _deliveries(records: Records, before_ms: int, _now_ms: int) -> int:
    return records.deliveries.prune(before_ms, BATCH)


def _refusals(records: Records, before_ms: int, _now_ms: int) -> int:
    return records.moderation.prune(before_ms, BATCH)


def _inputs(records: Records, before_ms: int, now_ms: int) -> int:
    return records.retention.remove_inputs(before_ms, now_ms, BATCH)


def _results(records: Records, before_ms: int, now_ms: int) -> int:
    return records.retention.remove_results(before_ms, now_ms, BATCH)
