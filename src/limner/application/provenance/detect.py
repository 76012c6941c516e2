"""Detecting whether a picture is ours, and what it says about how it was made."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.application.images.open_picture import images_of
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.blobs import RESULT
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.marking.found import FoundMarks, before_mark, found_marks
from limner.ports.intake import Inspected, Intake


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A task whose picture the file is, byte for byte. `marked` says that it is the delivered copy with our mark."""

    task: TaskId
    account: AccountId
    name: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Detected:
    """`own` are the tasks that the file is a picture of: several, where vendors delivered the same bytes twice."""

    picture: Inspected
    sha256: str
    own: Sequence[OwnPicture]
    marks: FoundMarks


@dataclass(frozen=True, slots=True)
class Detect:
    store: Store
    intake: Intake

    async def __call__(self, path: Path) -> Detected:
        """Look at a file. Raises `Refusal` for one that is no picture."""
        picture = await self.intake.inspect(path)
        hashes, marks = await asyncio.to_thread(_read, path, picture.media_type)
        own = await self.store.read(lambda records: _own(records, hashes))
        return Detected(picture, hashes[0], own, marks)


def _read(path: Path, media_type: str) -> tuple[list[BlobId], FoundMarks]:
    """The hash of the file, those of what it may have been before our mark, and what it says. Blocking."""
    data = path.read_bytes()
    files = [data, *before_mark(media_type, data)]
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
