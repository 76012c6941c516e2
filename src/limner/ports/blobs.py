"""Content-addressed storage of picture bytes."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limner.domain.ids import BlobId


@dataclass(frozen=True, slots=True)
class Stored:
    """The name of stored bytes, and their size."""

    blob: BlobId
    size: int


class BlobMissing(LookupError):
    """The store has no blob of this name."""


class StorageRefuses(Exception):
    """The store cannot take or give bytes: it is full, read-only or unreachable."""


class BlobStore(Protocol):
    """Content-addressed storage. Bytes are written once and never change.

    It does not know which rows refer to a blob: `application/images/keep.py` puts blobs, and
    `application/retention/delete_unreferenced.py` deletes them.
    """

    async def identify(self, source: Path | bytes) -> Stored:
        """The name and size that a file's bytes, or a small picture's, will have."""
        ...

    async def put(
        self, source: Path | bytes, stored: Stored, *, owned: bool = False, media_type: str | None = None
    ) -> None:
        """Store identified bytes; durable once this returns. Does nothing for bytes already stored.

        `owned` says that nobody writes to the source file any more, so that the store may share its bytes. A store
        that clients fetch from sends them with this `media_type`.
        Raises `StorageRefuses`.
        """
        ...

    async def check(self) -> None:
        """Ask the store for a name that is not in it. Raises `StorageRefuses` if it denies access or fails."""
        ...

    async def delete(self, blobs: Collection[BlobId]) -> None:
        """Delete blobs, existing or not; durable once this returns."""
        ...

    def names(self) -> AsyncIterator[Sequence[Stored]]:
        """All blobs in the store, in batches."""
        ...

    async def reclaim(self, before_ms: int) -> int:
        """Remove partial files that have not grown since `before_ms`; returns how many."""
        ...

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        """A file with these bytes: in `workdir`, which is made, unless the store is a folder. Nobody may write to it.

        Raises `StorageRefuses`, and outside a folder `BlobMissing`.
        """
        ...

    async def size(self, blob: BlobId) -> int:
        """The size in bytes; raises `BlobMissing`."""
        ...

    def stream(self, blob: BlobId, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces."""
        ...


class PresignsBlobs(Protocol):
    """A store whose files clients may fetch by a link that the store itself checks."""

    def link(self, blob: BlobId, media_type: str, disposition: str, life_s: int, now_ms: int) -> str:
        """A link to the stored bytes, sent with this type and disposition, that ends after `life_s` seconds."""
        ...


class ThumbnailStore(Protocol):
    """Thumbnails, each beside the blob that it was made from, and deleted with it."""

    async def thumbnail(self, blob: BlobId, side: int) -> bytes | None:
        """A stored thumbnail; None where it has to be made."""
        ...

    async def put_thumbnail(self, blob: BlobId, side: int, data: bytes) -> None:
        """Store a thumbnail. It may be lost in a power cut. Raises `StorageRefuses`."""
        ...

    async def delete_thumbnail(self, blob: BlobId, side: int) -> None:
        """Delete a thumbnail, existing or not."""
        ...

    async def local(self, blob: BlobId, workdir: Path) -> Path:
        """A file with the bytes of the blob."""
        ...
