"""The service at a glance: queue, workers, routes, credits and webhooks. Read once for all who ask within a moment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from limner.application.generation.routing import Routing
from limner.application.operations.route_states import RouteState, route_states
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.operations.overview import CreditTotals, LeaseHolder, ModelQueue, OutboxTotals
from limner.db.tables.provider_state import ProviderCheck
from limner.ports.clock import Clock

FRESH_MS = 2_000
"""An overview is reused for this long, so that frequent scrapes cost the database little."""

STORED_FRESH_MS = 60_000
STORED_PART = 1_000
"""Stored bytes are counted at most once a minute, and so rarely that it takes a thousandth of the time at most."""


@dataclass(frozen=True, slots=True)
class StoredTotals:
    """How many files the picture store holds, and their bytes. Counted at `at_ms`."""

    files: int
    size: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures over all accounts and processes at `at_ms`. `queue` is by model, `workers` those that run tasks."""

    at_ms: int
    queue: Sequence[ModelQueue]
    workers: Sequence[LeaseHolder]
    expired_leases: int
    routes: Sequence[RouteState]
    checks: Sequence[ProviderCheck]
    credits: CreditTotals
    outbox: OutboxTotals
    stored: StoredTotals

    @property
    def running(self) -> int:
        return sum(worker.tasks for worker in self.workers)

    @property
    def queued(self) -> int:
        return sum(model.queued for model in self.queue)


@dataclass(slots=True)
class ReadOverview:
    store: Store
    routing: Routing
    clock: Clock
    _last: Overview | None = field(default=None, init=False)
    _stored: StoredTotals | None = field(default=None, init=False)
    _stored_due_ms: int = field(default=0, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def __call__(self) -> Overview:
        """The overview, `FRESH_MS` old at most. Raises `StoreUnavailable`."""
        async with self._lock:
            now_ms = self.clock.now_ms()
            if self._last is None or not 0 <= now_ms - self._last.at_ms < FRESH_MS:
                stored = await self._count_stored(now_ms)
                self._last = await self.store.read(lambda records: self._read(records, stored, now_ms))
            return self._last

    async def _count_stored(self, now_ms: int) -> StoredTotals:
        if self._stored is None or now_ms >= self._stored_due_ms or now_ms < self._stored.at_ms:
            files, size = await self.store.read(lambda records: records.overview.stored())
            took_ms = self.clock.now_ms() - now_ms
            self._stored = StoredTotals(files, size, now_ms)
            self._stored_due_ms = now_ms + max(STORED_FRESH_MS, took_ms * STORED_PART)
        return self._stored

    def _read(self, records: Records, stored: StoredTotals, now_ms: int) -> Overview:
        shared_ms = records.shared_now_ms(now_ms)
        return Overview(
            at_ms=now_ms,
            queue=records.overview.queue(),
            workers=records.overview.lease_holders(),
            expired_leases=records.overview.expired_leases(shared_ms),
            routes=route_states(records, self.routing, now_ms),
            checks=list(records.provider_state.checks().values()),
            credits=records.overview.credits(),
            outbox=records.overview.outbox(now_ms),
            stored=stored,
        )
