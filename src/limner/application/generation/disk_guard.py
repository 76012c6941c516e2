"""The disk guard: nothing is bought while a delivered image could not be stored."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Free bytes required before ordering: the size limit of one delivered image."""

REFUSAL_PAUSE_MS = 10_000
"""Nothing is submitted for this long after storage refused bytes; a delivered image is stored again sooner."""

CHECK_INTERVAL_MS = 1000
"""The shortest time between two checks of the disk."""


def _unlimited() -> int:
    return sys.maxsize


@dataclass(slots=True)
class DiskGuard:
    """One per process. `free` returns the free bytes; it may block."""

    free: Callable[[], int] = _unlimited
    _refused_ms: int | None = field(default=None, init=False)
    _checked_ms: int | None = field(default=None, init=False)
    _is_full: bool = field(default=False, init=False)

    def record_refusal(self, now_ms: int) -> None:
        """Storage refused bytes."""
        self._refused_ms = now_ms

    def record_success(self) -> None:
        """Storage took bytes: a refusal from before no longer counts."""
        self._refused_ms = None

    async def is_full(self, now_ms: int) -> bool:
        """Whether nothing should be bought now."""
        if self._refused_ms is not None and 0 <= now_ms - self._refused_ms < REFUSAL_PAUSE_MS:
            return True
        if self._checked_ms is None or not 0 <= now_ms - self._checked_ms < CHECK_INTERVAL_MS:
            self._checked_ms = now_ms
            await self._check()
        return self._is_full

    async def _check(self) -> None:
        free = await asyncio.to_thread(self.free)
        was_full, self._is_full = self._is_full, free < MIN_FREE_BYTES
        if self._is_full and not was_full:
            log.error("the disk is full: no task starts until space is freed", free=free, needed=MIN_FREE_BYTES)
        elif was_full and not self._is_full:
            log.info("the disk has free space again", free=free)
