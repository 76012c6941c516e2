"""What a backup says of itself. It is written last: a backup without it is not finished."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from limner.domain.ids import BlobId
from limner.ports.backup_store import BackupMissing, BackupStore
from limner.ports.blobs import Stored

MANIFEST = "manifest.json"
BLOBS = "blobs"
"""The names and sizes of the pictures, a line each."""

DATABASE = "database"
SECRET = "secret"  # noqa: S105 - a file's name


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file of a backup, by its content's sha-256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A finished backup. `database` is `sqlite` or `postgresql`; `size` is in bytes, of its `blobs` pictures."""

    name: str
    version: str
    schema: str
    database: str
    files: Mapping[str, BackupFile]
    blobs: int
    size: int

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


def manifest_of(text: bytes) -> Manifest:
    facts = json.loads(text)
    return Manifest(**facts | {"files": {name: BackupFile(**each) for name, each in facts["files"].items()}})


def file_of(source: Path | bytes) -> BackupFile:
    if isinstance(source, bytes):
        return BackupFile(hashlib.sha256(source).hexdigest(), len(source))
    with source.open("rb") as file:
        return BackupFile(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())


def lines_of(blobs: Sequence[Stored]) -> bytes:
    return "".join(f"{each.blob} {each.size}\n" for each in blobs).encode()


def blobs_of(lines: bytes) -> Sequence[Stored]:
    pairs = (line.split() for line in lines.decode().splitlines())
    return [Stored(BlobId(name), int(size)) for name, size in pairs]


async def list_backups(backups: BackupStore) -> Sequence[Manifest]:
    """The finished backups, oldest first."""
    names = [name for name in await backups.names() if name.endswith(f"/{MANIFEST}")]
    return [manifest_of(await backups.read(name)) for name in names]


async def find_backup(backups: BackupStore, name: str | None) -> Manifest:
    """The backup of this name, or the newest. Raises `BackupMissing`."""
    if name is not None:
        return manifest_of(await backups.read(f"{name}/{MANIFEST}"))
    found = await list_backups(backups)
    if not found:
        raise BackupMissing("no finished backup is there")
    return found[-1]
