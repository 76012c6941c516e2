"""The janitor: removes what retention no longer keeps, and files that dead processes left behind."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import structlog

from limner.application.retention.prune import Prune
from limner.ports.clock import Clock
from limner.worker.loop import every

log = structlog.get_logger()

LEFTOVERS_INTERVAL_MS = 3_600_000
"""How often half-written files are searched for, which walks through the whole blob store, and the index is merged."""


@dataclass(slots=True)
class Janitor:
    """`sweep_scratch` removes the scratch folders of dead processes and returns their number; it may block."""

    prune: Prune
    clock: Clock
    sweep_scratch: Callable[[], int]
    every_s: float = 60.0
    _searched_ms: int | None = field(default=None, init=False)

    async def run(self) -> None:
        await self.clock.sleep(self.every_s)
        await every(self.every_s, self.clean, clock=self.clock, on_error="janitor failed")

    async def clean(self) -> None:
        pruned = await self.prune()
        if pruned:
            log.info("removed expired data", **asdict(pruned))
        await self._clear_leftovers()

    async def _clear_leftovers(self) -> None:
        now_ms = self.clock.now_ms()
        if self._searched_ms is not None and 0 <= now_ms - self._searched_ms < LEFTOVERS_INTERVAL_MS:
            return
        self._searched_ms = now_ms
        await self.prune.merge_prompt_index()
        files, folders = await self.prune.reclaim(), await asyncio.to_thread(self.sweep_scratch)
        if files or folders:
            log.info("removed files of dead processes", files=files, folders=folders)
