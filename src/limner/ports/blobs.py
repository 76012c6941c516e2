"""Picture bytes, named by what is in them."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limner.domain.ids import BlobId


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that are kept: their name and how many there are."""

    blob: BlobId
    size: int


class BlobMissing(LookupError):
    """The bytes of this name are not in the store."""


class StorageRefuses(Exception):
    """The store takes no bytes just now: it is full, read-only or away."""


class BlobStore(Protocol):
    """Content-addressed storage. Bytes are written once and never change.

    It knows nothing of who needs them: `application/keep.py` puts and `application/sweep.py` deletes.
    """

    async def identify(self, source: Path) -> Stored:
        """What the file's bytes will be called, and how many there are."""
        ...

    async def put(self, source: Path, stored: Stored) -> None:
        """Keep a copy of the file that was identified; durable once this returns, a no-op for bytes already kept.

        Raises `StorageRefuses`.
        """
        ...

    async def check(self) -> None:
        """Ask the store for a name that is not in it. Raises `StorageRefuses` if it denies access or fails."""
        ...

    async def delete(self, blobs: Collection[BlobId]) -> None:
        """Remove bytes, or find them gone; durable once this returns."""
        ...

    def names(self) -> AsyncIterator[Sequence[Stored]]:
        """All that is in the store, some at a time."""
        ...

    async def reclaim(self, before_ms: int) -> int:
        """Remove what writers that died before then left half-written; how many files those were."""
        ...

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        """A readable file with these bytes; in `workdir` unless the store is a folder itself. Never write to it."""
        ...

    async def size(self, blob: BlobId) -> int:
        """How many bytes there are; raises `BlobMissing`."""
        ...

    def stream(self, blob: BlobId, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, a piece at a time."""
        ...
