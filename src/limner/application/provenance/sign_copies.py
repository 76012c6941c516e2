"""Signing pictures when they are first delivered. The signature is stored: every copy is the same."""

import asyncio
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from limner.application.images.mask import MASK
from limner.application.random_bits import random_bits
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.provenance.signed_copies import SignedCopy
from limner.domain.digital_source import DigitalSource
from limner.domain.ids import BlobId, TaskId
from limner.domain.tasks.task import Result, Task
from limner.marking.changes import UnexplainedChanges, composed, dumped, inserted, loaded
from limner.marking.found import found_marks
from limner.marking.layout import Layout, MarkState
from limner.marking.layout_file import LayoutFile
from limner.marking.xmp import Mark
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.provenance import ManifestReader, ManifestState, PictureSigner, SigningFacts, SigningFailed
from limner.threads import in_thread

CACHED_COPIES = 2_000
"""Signatures kept in memory, of about 4 KB each."""

SIGNED_FORMATS = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, slots=True)
class _Copy:
    """One picture to be signed: its file, the copy with our mark, and what is said of it."""

    file: Path
    marked: Layout
    facts: SigningFacts


class SignCopies:
    """One in a process: of several requests for a picture that is not signed yet, one signs it.

    With `keep_vendors`, a file with a valid manifest of its vendor is delivered as it came.
    """

    def __init__(  # noqa: PLR0917 - what it is made of
        self,
        store: Store,
        blobs: BlobStore,
        signer: PictureSigner,
        reader: ManifestReader,
        clock: Clock,
        scratch: Path,
        *,
        keep_vendors: bool = True,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._signer = signer
        self._reader = reader
        self._clock = clock
        self._scratch = scratch
        self._keep_vendors = keep_vendors
        self._copies: OrderedDict[tuple[TaskId, str], Layout] = OrderedDict()
        self._signing: dict[tuple[TaskId, str], asyncio.Task[Layout]] = {}

    async def __call__(self, task: Task, name: str, result: Result, marked: Layout, mark: Mark) -> Layout:
        """The layout of the signed copy; `marked` is that of the copy with our mark. Raises `SigningFailed`."""
        key = (task.id, name)
        if key not in self._copies:
            signing = self._signing.get(key)
            if signing is None:
                signing = self._signing[key] = asyncio.create_task(self._copy(task, name, result, marked, mark))
                signing.add_done_callback(lambda _: self._signing.pop(key))
            self._copies[key] = await asyncio.shield(signing)
            if len(self._copies) > CACHED_COPIES:
                self._copies.popitem(last=False)
        self._copies.move_to_end(key)
        return self._copies[key]

    async def _copy(self, task: Task, name: str, result: Result, marked: Layout, mark: Mark) -> Layout:
        stored, facts = await self._store.read(lambda records: _read(records, task, name, result, mark))
        if stored and stored.layout:
            return loaded(stored.layout)
        if result.media_type not in SIGNED_FORMATS:
            raise SigningFailed(f"{result.media_type} is not signed")
        async with self._file(result.blob) as file:
            key, layout = await asyncio.to_thread(self._signed, _Copy(file, marked, facts))
        made = SignedCopy(task.id, name, key, dumped(layout), self._clock.now_ms())
        stands = await self._store.run(lambda records: records.signed_copies.add(made))
        return loaded(stands.layout) if stands and stands.layout else layout

    @asynccontextmanager
    async def _file(self, blob: BlobId) -> AsyncIterator[Path]:
        """The picture as a file, which is fetched where the store is no folder."""
        workdir = self._scratch / f"sign-{random_bits(64):x}"
        file = None
        try:
            file = await self._blobs.local(blob, workdir)
            yield file
        finally:
            if file is None or file.parent == workdir:
                await in_thread(shutil.rmtree, workdir, ignore_errors=True)

    def _signed(self, copy: _Copy) -> tuple[str, Layout]:
        """The key that signed, and the layout of the signed copy. Blocking."""
        with copy.file.open("rb") as file:
            theirs = ManifestState.NONE
            if copy.marked.state is MarkState.VENDOR:
                theirs = self._reader.read(file, copy.facts.media_type).state
                if self._keep_vendors and theirs in {ManifestState.VALID, ManifestState.TRUSTED}:
                    return "", copy.marked
            parent = None
            if theirs in {ManifestState.VALID, ManifestState.TRUSTED, ManifestState.INVALID}:
                file.seek(0)
                parent = file
            return self._sign(copy, file, parent)

    def _sign(self, copy: _Copy, file: BinaryIO, parent: BinaryIO | None) -> tuple[str, Layout]:
        source = cast("BinaryIO", LayoutFile(file, copy.marked))
        signed = self._signer.sign(source, _as_the_file_says(copy, file), parent)
        try:
            pieces = inserted(source, copy.marked.size, signed.data)
        except UnexplainedChanges as error:
            raise SigningFailed(f"the signed copy is not the picture with a manifest added: {error}") from None
        return signed.key, composed(copy.marked, pieces, MarkState.SIGNED)


def _as_the_file_says(copy: _Copy, file: BinaryIO) -> SigningFacts:
    """The facts, with the digital source type that the file's own XMP names, so that both marks say the same."""
    if copy.marked.state is not MarkState.VENDOR:
        return copy.facts
    file.seek(0)
    own = found_marks(file.read()).source
    file.seek(0)
    return replace(copy.facts, source=own) if own else copy.facts


def _read(
    records: Records, task: Task, name: str, result: Result, mark: Mark
) -> tuple[SignedCopy | None, SigningFacts]:
    stored = records.signed_copies.get(task.id, name)
    spec = records.tasks.spec(task.id)
    facts = SigningFacts(
        media_type=result.media_type,
        source=mark.source,
        model=task.model,
        maker=mark.generator or "unknown",
        generative=mark.source in {DigitalSource.GENERATED, DigitalSource.GENERATED_FROM_PICTURES},
        made_ms=task.finished_ms or task.created_ms,
        references=[each.blob for each in records.tasks.inputs(task.id) if each.blob and each.field != MASK],
        template=spec.template if spec else None,
        template_version=spec.template_version if spec else None,
    )
    return stored, facts
