"""Indexes what pictures look like, so that they are recognised without their metadata."""

from dataclasses import dataclass

from limner.application.provenance.index_perceptual_hashes import IndexPerceptualHashes
from limner.ports.clock import Clock
from limner.worker.loop import every

EVERY_S = 5.0
OLDER = 25
"""Pictures from before the index, each time: a sixth of a core at a megapixel each, for as long as there are any."""


@dataclass(frozen=True, slots=True)
class PerceptualHashIndexer:
    index: IndexPerceptualHashes
    clock: Clock

    async def run(self) -> None:
        await every(EVERY_S, self.once, clock=self.clock, on_error="indexing perceptual hashes failed")

    async def once(self) -> None:
        await self.index.recent()
        await self.index.older(OLDER)
