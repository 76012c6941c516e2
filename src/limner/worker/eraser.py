"""The eraser: erases tasks whose time to undo is over."""

from dataclasses import dataclass

from limner.application.retention.erase import Erase
from limner.db.store import Store
from limner.ports.clock import Clock
from limner.worker.loop import every

BATCH = 100
EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Eraser:
    store: Store
    erase: Erase
    clock: Clock

    async def run(self) -> None:
        await every(EVERY_S, self.erase_due, clock=self.clock, on_error="erasing failed")

    async def erase_due(self) -> None:
        """Erase all that is due. Several workers may do so at once."""
        while due := await self.store.read(
            lambda records: records.task_marks.due_for_erasing(self.clock.now_ms(), BATCH)
        ):
            for task in due:
                await self.erase.if_due(task)
