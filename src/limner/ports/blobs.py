"""Picture bytes, named by what is in them."""

from collections.abc import AsyncIterator
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


class BlobStore(Protocol):
    """Content-addressed storage. Bytes are written once and never change."""

    async def put(self, source: Path) -> Stored:
        """Keep a copy of the file; durable once this returns, and a no-op for bytes already kept."""
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
