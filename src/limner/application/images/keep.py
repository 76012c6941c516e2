"""Stores blobs so that garbage collection cannot delete them before a row refers to them."""

from dataclasses import dataclass
from pathlib import Path

from limner.db.store import Store
from limner.ports.blobs import BlobStore, Stored
from limner.ports.clock import Clock

PIN_MS = 6 * 3_600_000
"""Lifetime of a pin: must cover one put, which takes minutes on a slow remote store."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Pins a blob for `holder`, then puts its bytes.

    The blob may exist already, unreferenced and about to be deleted. The pin prevents that until `holder` (the id of a
    task or an upload) refers to the blob in a later unit of work. A pin that is not followed by one expires after
    `PIN_MS`.
    """

    store: Store
    blobs: BlobStore
    clock: Clock

    async def __call__(
        self,
        source: Path | bytes,
        media_type: str,
        holder: str,
        stored: Stored | None = None,
        *,
        owned: bool = False,
        phash: bytes | None = None,
    ) -> Stored:
        """`stored` is the identity of the bytes if it was computed before. For `owned` see `BlobStore.put`.

        `phash` is the perceptual hash of a picture that was made here.
        """
        stored = stored or await self.blobs.identify(source)
        pause_s = _FIRST_PAUSE_S
        while not await self._pin(stored, media_type, holder, phash):
            await self.clock.sleep(pause_s)  # the blob is being deleted: retry until that is done, then put it again
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        await self.blobs.put(source, stored, owned=owned, media_type=media_type)
        return stored

    async def _pin(self, stored: Stored, media_type: str, holder: str, phash: bytes | None) -> bool:
        # A power cut may undo the pin alone. The unit of work that refers to the blob writes its row again; where none
        # comes, the blob is in the store without a row, which `doctor --deep` finds.
        now_ms = self.clock.now_ms()
        return await self.store.run_unsynced(
            lambda records: records.blobs.pin(stored.blob, holder, stored.size, media_type, now_ms, phash)
        )
