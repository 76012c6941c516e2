"""Where backups are kept: a folder, or an object store."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from limner.ports.blobs import BlobStore


class BackupMissing(LookupError):
    """There is no backup, or no file of a backup, of this name."""


class BackupStore(Protocol):
    """Files of dated backups, and the pictures, which all of them share.

    Every method raises `limner.ports.blobs.StorageRefuses` when the store cannot be used.
    """

    @property
    def blobs(self) -> BlobStore:
        """The pictures of all backups, named by their content."""
        ...

    async def put(self, source: Path | bytes, name: str) -> None:
        """Store a file; durable once this returns."""
        ...

    async def read(self, name: str) -> bytes:
        """A small file. Raises `BackupMissing`."""
        ...

    async def fetch(self, name: str, target: Path) -> None:
        """Write a file to `target`, which must not exist; only its owner can read it. Raises `BackupMissing`."""
        ...

    async def names(self) -> Sequence[str]:
        """The names of all files of backups, sorted."""
        ...

    async def delete(self, names: Collection[str]) -> None:
        """Delete files."""
        ...
