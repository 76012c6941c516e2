"""A zip archive of pictures, streamed: no file, and one piece of a picture in memory at a time."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from limner.api.service_container import Services
from limner.application.images.open_picture import OpenedPicture
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.file_names import picture_files
from limner.domain.tasks.task import Task
from limner.ports.blobs import BlobMissing

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MOST_PICTURES = 500
MOST_BYTES = 4 * 1024**3

_WRITABLE = 0o600 << 16


class _Pieces(io.RawIOBase):
    """What `zipfile` writes into: it gives up what was written, and cannot seek."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def taken(self) -> bytes:
        """What was written since the last call."""
        data = b"".join(self._written)
        self._written.clear()
        return data


@dataclass(frozen=True, slots=True)
class _Archive:
    """An archive that is being written, and the pieces of it that were."""

    zip: zipfile.ZipFile
    pieces: _Pieces

    async def add(self, file_name: str, opened: OpenedPicture, at_ms: int) -> AsyncIterator[bytes]:
        """Add a picture, piece by piece."""
        info = zipfile.ZipInfo(file_name, datetime.fromtimestamp(at_ms / 1000, UTC).timetuple()[:6])
        info.external_attr, info.file_size = _WRITABLE, opened.size
        with self.zip.open(info, "w") as entry:
            async for piece in opened.stream(0, opened.size):
                await asyncio.to_thread(entry.write, piece)
                yield self.pieces.taken()


async def archive(services: Services, tasks: Sequence[Task]) -> AsyncIterator[bytes]:
    """The pictures of tasks, as they are delivered. One that is removed meanwhile is left out."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as out:  # pictures are compressed already
        for task in tasks:
            for name, file_name in picture_files(task).items():
                try:
                    opened = await services.open_picture(task, name)
                except BlobMissing:
                    continue
                async for data in _Archive(out, pieces).add(file_name, opened, task.created_ms):
                    yield data
    yield pieces.taken()


async def zip_of(services: Services, account: AccountId, ids: Sequence[TaskId]) -> StreamingResponse:
    """The archive, in the order of the ids. Tasks of others, and without a picture, are left out. Raises `Refusal`."""
    found = {seen.task.id: seen.task for seen in await services.read.many(account, ids)}
    tasks = [found[each] for each in ids if each in found]
    blobs = [each.blob for task in tasks if task.result for each in task.result.pictures().values()]
    check_size(tasks, await services.store.read(lambda records: records.blobs.total_size(blobs)))
    headers = {"Content-Disposition": 'attachment; filename="pictures.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(archive(services, tasks), 200, headers, "application/zip")


def check_size(tasks: Sequence[Task], size: int) -> None:
    """Raise `Refusal` for a selection without a picture, or with too many or too large ones."""
    count = sum(len(picture_files(task)) for task in tasks)
    if not count:
        raise Refusal(
            Code.FILE_NOT_FOUND,
            "none of these tasks has a picture",
            suggestion="Name tasks of yours that have succeeded and whose pictures were not removed.",
            field="task_ids",
        )
    if count > MOST_PICTURES or size > MOST_BYTES:
        raise Refusal(
            Code.INVALID,
            f"these are {count} pictures of {size:,} bytes",
            suggestion=f"An archive holds at most {MOST_PICTURES} pictures of 4 GiB in all: ask for several.",
            field="task_ids",
        )
