"""Whether what a vendor delivers can be put away: nothing is bought that there is no place for."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Bytes that must be free where pictures arrive: one of the largest a vendor may deliver."""

REFUSAL_PAUSE_MS = 10_000
"""After the store refused bytes nothing new is begun for so long; whoever has a picture in hand tries on."""

CHECK_INTERVAL_MS = 1000
"""How often the disk is looked at, at most."""


def _endless() -> int:
    return sys.maxsize


@dataclass(slots=True)
class DiskGuard:
    """One for a process. `free` says how many bytes there is room for; it may block."""

    free: Callable[[], int] = _endless
    _refused_ms: int | None = field(default=None, init=False)
    _looked_ms: int | None = field(default=None, init=False)
    _is_full: bool = field(default=False, init=False)

    def refused(self, now_ms: int) -> None:
        self._refused_ms = now_ms

    def took(self) -> None:
        self._refused_ms = None

    async def is_full(self, now_ms: int) -> bool:
        """Whether nothing should be bought now."""
        if self._refused_ms is not None and 0 <= now_ms - self._refused_ms < REFUSAL_PAUSE_MS:
            return True
        if self._looked_ms is None or not 0 <= now_ms - self._looked_ms < CHECK_INTERVAL_MS:
            self._looked_ms = now_ms
            await self._look()
        return self._is_full

    async def _look(self) -> None:
        free = await asyncio.to_thread(self.free)
        was, self._is_full = self._is_full, free < MIN_FREE_BYTES
        if self._is_full and not was:
            log.error("the disk is full: no task is begun before there is room", free=free, needed=MIN_FREE_BYTES)
        elif was and not self._is_full:
            log.info("there is room on the disk again", free=free)
