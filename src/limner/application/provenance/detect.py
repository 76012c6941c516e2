"""Detecting whether a picture is ours, and what it says about how it was made."""

import asyncio
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

from limner.application.images.open_picture import images_of
from limner.application.provenance.index_perceptual_hashes import IndexPerceptualHashes
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.perceptual_hash import are_alike, bands, probes
from limner.marking.found import FoundMarks, before_mark, found_marks
from limner.marking.manifest_box import without_manifest
from limner.ports.intake import Inspected, Intake
from limner.ports.provenance import ManifestReader, ManifestReport, ManifestState

SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A task whose picture the file is, or looks like. `marked` says that it is the delivered copy with our mark."""

    task: TaskId
    account: AccountId
    name: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Detected:
    """`own` are the tasks of the asking account that the file is a picture of, at most `SHOWN` of them, newest first.

    There are several where vendors delivered the same bytes twice. `ours` is true for those of other accounts, too.
    `alike` and `own_alike` are the same of pictures that look like the file: only where its bytes are not ours.
    `manifest` is None where what reads manifests is not installed.
    """

    picture: Inspected
    sha256: str
    ours: bool
    own: Sequence[OwnPicture]
    marks: FoundMarks
    manifest: ManifestReport | None = None
    alike: bool = False
    own_alike: Sequence[OwnPicture] = ()

    @property
    def made_here(self) -> bool:
        """Whether it was made here, by its bytes or by a signature that holds."""
        signed = self.manifest
        return self.ours or bool(signed and signed.ours and signed.state is not ManifestState.INVALID)

    @property
    def tasks(self) -> Sequence[TaskId]:
        """Those of `own`, each once."""
        return list(dict.fromkeys(each.task for each in self.own))

    @property
    def tasks_alike(self) -> Sequence[TaskId]:
        """Those of `own_alike`, each once."""
        return list(dict.fromkeys(each.task for each in self.own_alike))


@dataclass(frozen=True, slots=True)
class Detect:
    store: Store
    intake: Intake
    reader: ManifestReader | None = None
    index: IndexPerceptualHashes | None = None
    """None where pictures are recognised by their bytes alone."""

    async def __call__(self, source: Path | bytes, account: AccountId | None = None) -> Detected:
        """Look at a file, or at the bytes of a small one, for an account or, without one, for the operator.

        Raises `Refusal` for one that is no picture.
        """
        picture = await self.intake.inspect(source)
        hashes, marks = await asyncio.to_thread(_read, source, picture.media_type)
        ours, own = await self.store.read(lambda records: _found(records, hashes, account))
        manifest = await asyncio.to_thread(self._manifest, source, picture.media_type)
        alike, own_alike = (False, ()) if ours else await self._alike(picture.phash, account)
        return Detected(picture, hashes[0], ours, own, marks, manifest, alike, own_alike)

    async def _alike(self, phash: bytes | None, account: AccountId | None) -> tuple[bool, Sequence[OwnPicture]]:
        """Whether a picture of ours looks so, and those of the account, or of all."""
        if self.index is None or phash is None or not await asyncio.to_thread(bands, phash):
            return False, ()
        await self.index.recent()
        tried = await asyncio.to_thread(probes, phash)
        near = await self.store.read(lambda records: dict(records.perceptual_hashes.near(tried)))
        alike = await asyncio.to_thread(lambda: [blob for blob, other in near.items() if are_alike(phash, other)])
        return await self.store.read(lambda records: _found(records, alike[:SHOWN], account, marked=False))

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


def _found(
    records: Records, hashes: Sequence[BlobId], account: AccountId | None, *, marked: bool = True
) -> tuple[bool, Sequence[OwnPicture]]:
    """Whether any task has one of the pictures, and those of the account, or of all.

    `marked` says that all but the first are what the file was before our marks.
    """
    each_own = (_own(records, blob, account, marked=marked and place > 0) for place, blob in enumerate(hashes))
    own = list(islice(chain.from_iterable(each_own), SHOWN))
    return bool(own) or any(records.task_lists.of_picture(blob, None, 1) for blob in hashes), own


def _own(records: Records, blob: BlobId, account: AccountId | None, *, marked: bool) -> Iterator[OwnPicture]:
    for task in records.task_lists.of_picture(blob, account, SHOWN):
        names = sorted(name for name, image in images_of(task).items() if image.blob == blob)
        yield from (OwnPicture(task.id, task.account, name, marked) for name in names)
