"""Putting bytes into the store so that they are still there when somebody refers to them."""

from dataclasses import dataclass
from pathlib import Path

from limner.db.store import Store
from limner.ports.blobs import BlobStore, Stored
from limner.ports.clock import Clock

PIN_MS = 6 * 3_600_000
"""Between a pin and the reference lies one put: minutes, where the store is far away and slow."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Pins the bytes of a file, then puts them.

    The bytes may be in the store already and about to be deleted, for nobody refers to them. So what is put, or found
    there, is pinned before anybody looks, and stays so until `holder` (a task's or an upload's id) refers to it in a
    unit of work of its own. Who dies or thinks better of it before that leaves a pin, which is void after `PIN_MS`.
    """

    store: Store
    blobs: BlobStore
    clock: Clock

    async def __call__(self, source: Path, media_type: str, holder: str, stored: Stored | None = None) -> Stored:
        """`stored` is what the file was identified as, where somebody did that already."""
        stored = stored or await self.blobs.identify(source)
        pause_s = _FIRST_PAUSE_S
        while not await self._pin(stored, media_type, holder):
            await self.clock.sleep(pause_s)  # a janitor is deleting them: they are put anew once it is done
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        await self.blobs.put(source, stored)
        return stored

    async def _pin(self, stored: Stored, media_type: str, holder: str) -> bool:
        now_ms = self.clock.now_ms()
        return await self.store.run(
            lambda records: records.blobs.pin(stored.blob, holder, stored.size, media_type, now_ms)
        )
