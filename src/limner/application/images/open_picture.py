"""Opening a finished picture for delivery. Every way out of Limner takes pictures from here, so that each is marked."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from limner.application.read import own_task
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.digital_source import digital_source
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.refusal import MarkMissing
from limner.domain.tasks.task import Result, Task
from limner.marking.layout import Layout, MarkState
from limner.marking.mark import marked_layout
from limner.marking.window import Reading
from limner.marking.xmp import Mark
from limner.ports.blobs import BlobStore
from limner.ports.provenance import SigningFailed

log = structlog.get_logger()

CACHED_LAYOUTS = 2_000
"""Layouts kept in memory, of about 2 KB each, so that a picture's container is read once and not for each request."""

CACHED_TASKS = 10_000
"""Finished tasks of which is remembered whether they had references, which never changes."""


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """A picture as it is delivered. The stored bytes are the vendor's; `layout` says what the copy adds to them."""

    result: Result
    layout: Layout
    blobs: BlobStore

    @property
    def size(self) -> int:
        return self.layout.size

    @property
    def mark(self) -> MarkState:
        return self.layout.state

    @property
    def tag(self) -> str:
        """Names the delivered bytes: the blob's name, and what was added."""
        return f"{self.result.blob}-{self.layout.digest}" if self.layout.splices else self.result.blob

    @property
    def is_as_stored(self) -> bool:
        """Whether the store's file is, byte for byte, what is delivered."""
        return not self.layout.splices

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in pieces."""
        for piece in self.layout.pieces(start, end):
            if isinstance(piece, bytes):
                yield piece
            else:
                async for part in self.blobs.stream(self.result.blob, *piece):
                    yield part


def images_of(task: Task) -> Mapping[str, Result]:
    """The pictures of a task and its previews, by the names that their links end in."""
    pictures = task.result.pictures() if task.result else {}
    return {**pictures, **{name: each.image for name, each in task.previews().items()}}


class SignCopy(Protocol):
    """Signs pictures when they are first delivered."""

    async def __call__(self, task: Task, name: str, result: Result, marked: Layout, mark: Mark) -> Layout:
        """The layout of the signed copy. Raises `SigningFailed`."""
        ...


class OpenPicture:
    """`sign` is None where pictures are not signed. With `require`, none leaves without all of its marks."""

    def __init__(
        self, store: Store, blobs: BlobStore, *, mark: bool, sign: SignCopy | None = None, require: bool = False
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._mark = mark
        self._sign = sign
        self._require = require
        self._layouts: OrderedDict[tuple[BlobId, Mark], Layout] = OrderedDict()
        self._had_references: OrderedDict[TaskId, bool] = OrderedDict()

    async def task(self, account: AccountId | None, task_id: TaskId) -> Task:
        """The task whose pictures will be opened, of this account or, with None, of any. Raises `Refusal`.

        It is read together with what its marks need.
        """

        def read(records: Records) -> tuple[Task, bool | None]:
            task = own_task(records, account, task_id)
            return task, _has_inputs(records, task) if self._mark and task.id not in self._had_references else None

        task, had_references = await self._store.read(read)
        if had_references is not None:
            self._remember(task, had_references=had_references)
        return task

    async def __call__(self, task: Task, name: str) -> OpenedPicture:
        """The picture of a task, or a preview, by the name that its link ends in.

        Raises `KeyError`, `BlobMissing`, and `MarkMissing` where marks are required and cannot be made now.
        """
        result = images_of(task)[name]
        size, mark = await self._blobs.size(result.blob), await self.mark_of(task, name)
        layout = await self._layout(result, size, mark) if mark else Layout(size, MarkState.NONE)
        if mark and self._sign:
            layout = await self._signed(task, name, result, layout, mark)
        if self._require and layout.state is MarkState.NONE:
            raise MarkMissing(f"{name} of task {task.id} takes no mark")
        return OpenedPicture(result, layout, self._blobs)

    async def original(self, task: Task, name: str) -> OpenedPicture:
        """The vendor's bytes as they came. Raises `KeyError`, `BlobMissing`, and `MarkMissing` under `require`."""
        result = images_of(task)[name]
        if self._require:
            raise MarkMissing("the vendor's file is without Limner's marks")
        return OpenedPicture(result, Layout(await self._blobs.size(result.blob), MarkState.NONE), self._blobs)

    async def mark_of_thumbnail(self, task: Task, name: str) -> Mark | None:
        """What the mark of a small copy says. Raises `MarkMissing` where the picture itself may not leave now."""
        if self._require:
            await self(task, name)
        return await self.mark_of(task, name)

    async def _signed(self, task: Task, name: str, result: Result, marked: Layout, mark: Mark) -> Layout:
        """The signed copy; where it cannot be signed the marked one, unless signatures are required."""
        assert self._sign  # noqa: S101 - asked for by its caller
        try:
            return await self._sign(task, name, result, marked, mark)
        except SigningFailed as error:
            log.warning("a picture was not signed", task=task.id, picture=name, error=str(error))
            if self._require:
                raise MarkMissing(str(error)) from None
            return marked

    async def mark_of(self, task: Task, name: str) -> Mark | None:
        """What the mark of a picture says; None where marks are switched off."""
        if not self._mark:
            return None
        served_by = dict(task.served_by or {})
        makers = served_by.get("views", {}) | served_by.get("images", {})  # where not one provider made all of them
        served_by |= makers.get(name.removesuffix("_view"), {})
        generator = " ".join(str(served_by[each]) for each in ("provider", "model") if served_by.get(each))
        return Mark(digital_source(served_by, references=await self._has_references(task)), generator)

    async def _has_references(self, task: Task) -> bool:
        found = self._had_references.get(task.id)
        if found is None:
            found = await self._store.read(lambda records: _has_inputs(records, task))
            self._remember(task, had_references=found)
        return found

    def _remember(self, task: Task, *, had_references: bool) -> None:
        self._had_references[task.id] = had_references
        if len(self._had_references) > CACHED_TASKS:
            self._had_references.popitem(last=False)

    async def _layout(self, result: Result, size: int, mark: Mark) -> Layout:
        key = (result.blob, mark)
        if key not in self._layouts:
            self._layouts[key] = await self._read(result.blob, marked_layout(result.media_type, size, mark))
            if len(self._layouts) > CACHED_LAYOUTS:
                self._layouts.popitem(last=False)
        self._layouts.move_to_end(key)
        return self._layouts[key]

    async def _read(self, blob: BlobId, reading: Reading[Layout]) -> Layout:
        """Give a parser the bytes that it needs, until it has a layout."""
        try:
            start, end = next(reading)
            while True:
                data = b"".join([part async for part in self._blobs.stream(blob, start, end)])
                start, end = reading.send(data)
        except StopIteration as finished:
            layout: Layout = finished.value
            return layout


def _has_inputs(records: Records, task: Task) -> bool:
    return bool(records.tasks.inputs(task.id))
