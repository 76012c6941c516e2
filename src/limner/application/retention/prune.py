"""Removing what has been kept long enough, a little at a time."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

from limner.application.images.keep import PIN_MS
from limner.application.retention.delete_unreferenced import DeletedBlobs, DeleteUnreferenced
from limner.db.records import Records
from limner.db.store import Store
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.parts import UploadParts

AT_ONCE = 100
"""Rows removed in one unit of work: a few milliseconds of the store's writer."""

BREATH_S = 0.02
"""Between two units of work, so that a backlog of a million rows leaves room for everybody else."""

KEY_MS = 24 * 3_600_000
"""How long an idempotency key is remembered: the API promises a day."""

HALF_WRITTEN_MS = 3_600_000
"""A file that has not grown for this long has no writer any more."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long things are kept, in milliseconds; None is for ever.

    Inputs and results count from their task's end, `unused_ms` from when the last one let go of the bytes;
    `events_ms` is also for what webhooks were told.
    """

    inputs_ms: int | None
    results_ms: int | None
    events_ms: int | None
    unused_ms: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: rows, tasks whose pictures were let go of, files and their bytes."""

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


UNFINISHED_MS = 24 * 3_600_000
"""An upload in parts that nobody went on with for this long is given up."""


@dataclass(frozen=True, slots=True)
class Prune:
    store: Store
    blobs: BlobStore
    parts: UploadParts
    clock: Clock
    delete_unreferenced: DeleteUnreferenced
    policy: RetentionPolicy

    async def __call__(self) -> Pruned:
        """Remove all that is due. Several at once share the work."""
        now_ms, policy = self.clock.now_ms(), self.policy
        uploads = await self._all(lambda records: records.uploads.expire(now_ms, AT_ONCE))
        keys = await self._all(lambda records: records.retention.delete_idempotency_keys(now_ms - KEY_MS, AT_ONCE))
        events = await self._due(policy.events_ms, _events, now_ms)
        deliveries = await self._due(policy.events_ms, _deliveries, now_ms)
        inputs = await self._due(policy.inputs_ms, _inputs, now_ms)
        results = await self._due(policy.results_ms, _results, now_ms)
        deleted = await self._delete_unreferenced(now_ms)
        return Pruned(uploads, keys, events, deliveries, inputs, results, deleted.files, deleted.size)

    async def reclaim(self) -> int:
        """Remove files that their writers left half-written, and parts of what will never be whole; how many."""
        now_ms = self.clock.now_ms()
        return await self.blobs.reclaim(now_ms - HALF_WRITTEN_MS) + await self.parts.reclaim(now_ms - UNFINISHED_MS)

    async def _due(self, age_ms: int | None, step: "Step", now_ms: int) -> int:
        if age_ms is None:
            return 0
        return await self._all(lambda records: step(records, now_ms - age_ms, now_ms))

    async def _all(self, batch: Callable[[Records], int]) -> int:
        done = count = await self.store.run(batch)
        while count >= AT_ONCE:
            await self.clock.sleep(BREATH_S)
            count = await self.store.run(batch)
            done += count
        return done

    async def _delete_unreferenced(self, now_ms: int) -> DeletedBlobs:
        await self.store.run(lambda records: records.blobs.unpin_abandoned(now_ms, PIN_MS))
        done = await self.delete_unreferenced(now_ms - self.policy.unused_ms)
        while done.more:
            await self.clock.sleep(BREATH_S)
            done = DeletedBlobs(done.files, done.size) + await self.delete_unreferenced(now_ms - self.policy.unused_ms)
        return done


Step = Callable[[Records, int, int], int]
"""Removes a batch of what was there by the first time, at the second one."""


def _events(records: Records, before_ms: int, _now_ms: int) -> int:
    return records.retention.remove_events(before_ms, AT_ONCE)


def _deliveries(records: Records, before_ms: int, _now_ms: int) -> int:
    return records.deliveries.prune(before_ms, AT_ONCE)


def _inputs(records: Records, before_ms: int, now_ms: int) -> int:
    return records.retention.remove_inputs(before_ms, now_ms, AT_ONCE)


def _results(records: Records, before_ms: int, now_ms: int) -> int:
    return records.retention.remove_results(before_ms, now_ms, AT_ONCE)
