"""Detecting whether a picture is ours, and what it says about how it was made."""

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.application.images.open_picture import images_of
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.blobs import RESULT
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.marking.found import FoundMarks, before_mark, found_marks
from limner.marking.manifest_box import without_manifest
from limner.ports.intake import Inspected, Intake
from limner.ports.provenance import ManifestReader, ManifestReport


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A task whose picture the file is, byte for byte. `marked` says that it is the delivered copy with our mark."""

    task: TaskId
    account: AccountId
    name: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Detected:
    """`own` are the tasks that the file is a picture of: several, where vendors delivered the same bytes twice.

    `manifest` is None where what reads manifests is not installed.
    """

    picture: Inspected
    sha256: str
    own: Sequence[OwnPicture]
    marks: FoundMarks
    manifest: ManifestReport | None = None


@dataclass(frozen=True, slots=True)
class Detect:
    store: Store
    intake: Intake
    reader: ManifestReader | None = None

    async def __call__(self, source: Path | bytes) -> Detected:
        """Look at a file, or at the bytes of a small one. Raises `Refusal` for one that is no picture."""
        picture = await self.intake.inspect(source)
        hashes, marks = await asyncio.to_thread(_read, source, picture.media_type)
        own = await self.store.read(lambda records: _own(records, hashes))
        manifest = await asyncio.to_thread(self._manifest, source, picture.media_type)
        return Detected(picture, hashes[0], own, marks, manifest)

    def _manifest(self, source: Path | bytes, media_type: str) -> ManifestReport | None:
        if self.reader is None:
            return None
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return self.reader.read(file, media_type)


def _read(source: Path | bytes, media_type: str) -> tuple[list[BlobId], FoundMarks]:
    """The hash of the file, those of what it may have been before our marks, and what it says. Blocking."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    unsigned = without_manifest(media_type, data)
    files = [data, *before_mark(media_type, data)]
    if unsigned is not None:
        files += [unsigned, *before_mark(media_type, unsigned)]
    return [BlobId(hashlib.sha256(each).hexdigest()) for each in files], found_marks(data)


def _own(records: Records, hashes: Sequence[BlobId]) -> list[OwnPicture]:
    found = [
        OwnPicture(task.id, task.account, name, marked=place > 0)
        for place, blob in enumerate(hashes)
        for ref in records.consistency.refs_of(blob)
        if ref.kind == RESULT and (task := records.tasks.get(TaskId(ref.holder)))
        for name, image in images_of(task).items()
        if image.blob == blob
    ]
    return sorted(found, key=lambda each: (each.task, each.name))
