"""Detecting whether a picture is ours, and what it says about how it was made."""

import asyncio
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from limner.application.images.open_picture import images_of
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.marking.found import FoundMarks, before_mark, found_marks
from limner.marking.manifest_box import without_manifest
from limner.ports.intake import Inspected, Intake
from limner.ports.provenance import ManifestReader, ManifestReport, ManifestState

SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A task whose picture the file is, byte for byte. `marked` says that it is the delivered copy with our mark."""

    task: TaskId
    account: AccountId
    name: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Detected:
    """`own` are the tasks of the asking account that the file is a picture of, at most `SHOWN` of them, newest first.

    There are several where vendors delivered the same bytes twice. `ours` is true for those of other accounts, too.
    `manifest` is None where what reads manifests is not installed.
    """

    picture: Inspected
    sha256: str
    ours: bool
    own: Sequence[OwnPicture]
    marks: FoundMarks
    manifest: ManifestReport | None = None

    @property
    def made_here(self) -> bool:
        """Whether it was made here, by its bytes or by a signature that holds."""
        signed = self.manifest
        return self.ours or bool(signed and signed.ours and signed.state is not ManifestState.INVALID)

    @property
    def tasks(self) -> Sequence[TaskId]:
        """Those of `own`, each once."""
        return list(dict.fromkeys(each.task for each in self.own))


@dataclass(frozen=True, slots=True)
class Detect:
    store: Store
    intake: Intake
    reader: ManifestReader | None = None

    async def __call__(self, source: Path | bytes, account: AccountId | None = None) -> Detected:
        """Look at a file, or at the bytes of a small one, for an account or, without one, for the operator.

        Raises `Refusal` for one that is no picture.
        """
        picture = await self.intake.inspect(source)
        hashes, marks = await asyncio.to_thread(_read, source, picture.media_type)
        ours, own = await self.store.read(lambda records: _found(records, hashes, account))
        manifest = await asyncio.to_thread(self._manifest, source, picture.media_type)
        return Detected(picture, hashes[0], ours, own, marks, manifest)

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


def _found(records: Records, hashes: Sequence[BlobId], account: AccountId | None) -> tuple[bool, Sequence[OwnPicture]]:
    """Whether any task has the picture, and those of the account, or of all."""
    own = [each for place, blob in enumerate(hashes) for each in _own(records, blob, account, marked=place > 0)][:SHOWN]
    return bool(own) or any(records.task_lists.of_picture(blob, None, 1) for blob in hashes), own


def _own(records: Records, blob: BlobId, account: AccountId | None, *, marked: bool) -> Iterator[OwnPicture]:
    for task in records.task_lists.of_picture(blob, account, SHOWN):
        names = sorted(name for name, image in images_of(task).items() if image.blob == blob)
        yield from (OwnPicture(task.id, task.account, name, marked) for name in names)
