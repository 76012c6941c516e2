"""Whether this process can serve: its database, its picture store and its worker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from limner.db.store import Store
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock

log = structlog.get_logger()

TIMEOUT_S = 5.0
"""A part that does not answer within this time is not ready."""

FRESH_MS = 2_000
"""Results are reused for this long, so that frequent probes cost the parts little."""


@dataclass(slots=True)
class Readiness:
    """`worker_is_running` is None in a process without a worker. `draining` is set when a stop was asked for."""

    store: Store
    blobs: BlobStore
    clock: Clock
    worker_is_running: Callable[[], bool] | None = None
    draining: bool = False
    _checked_ms: int = field(default=0, init=False)
    _checks: dict[str, str] = field(default_factory=dict, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def checks(self) -> dict[str, str]:
        """The state of each part, `ok` or `unavailable`. Reasons are logged, not returned: anybody may ask."""
        async with self._lock:
            if not self._checks or self.clock.now_ms() - self._checked_ms >= FRESH_MS:
                self._checks = await self._check()
                self._checked_ms = self.clock.now_ms()
            return self._checks

    async def _check(self) -> dict[str, str]:
        database, store = await asyncio.gather(
            self._outcome("database", self.store.read(lambda records: records.accounts.all()[:1])),
            self._outcome("store", self.blobs.check()),
        )
        checks = {"database": database, "store": store}
        if self.worker_is_running:
            checks["worker"] = "ok" if self.worker_is_running() or self.draining else "unavailable"
        return checks

    async def _outcome(self, part: str, check: Awaitable[object]) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await check
        except Exception as error:  # noqa: BLE001 - whatever keeps a part from answering makes it unavailable
            if self._checks.get(part) != "unavailable":
                log.warning("not ready", part=part, reason=str(error) or type(error).__name__)
            return "unavailable"
        return "ok"
