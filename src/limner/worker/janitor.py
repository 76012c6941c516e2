"""Clears away what has been kept long enough, and what the dead left lying about."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import structlog

from limner.application.retention.prune import Prune
from limner.application.store_errors import log_loop_error
from limner.ports.clock import Clock

log = structlog.get_logger()

LEFTOVERS_INTERVAL_MS = 3_600_000
"""How often half-written files are looked for: that walks through the whole store."""


@dataclass(slots=True)
class Janitor:
    """`sweep_scratch` removes the scratch folders of dead processes, and says how many those were."""

    prune: Prune
    clock: Clock
    sweep_scratch: Callable[[], int]
    every_s: float = 60.0
    _looked_ms: int | None = field(default=None, init=False)

    async def run(self) -> None:
        while True:
            await self.clock.sleep(self.every_s)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - the beat goes on
                log_loop_error("janitor failed", error)

    async def beat(self) -> None:
        pruned = await self.prune()
        if pruned:
            log.info("removed what was kept long enough", **asdict(pruned))
        await self._clear_leftovers()

    async def _clear_leftovers(self) -> None:
        now_ms = self.clock.now_ms()
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LEFTOVERS_INTERVAL_MS:
            return
        self._looked_ms = now_ms
        files, folders = await self.prune.reclaim(), await asyncio.to_thread(self.sweep_scratch)
        if files or folders:
            log.info("removed what the dead left", files=files, folders=folders)
