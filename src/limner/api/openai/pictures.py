"""Finished pictures in OpenAI's answers: as base64 that is streamed, or as links."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from limner.api.service_container import Services
from limner.application.images.open_picture import OpenedPicture
from limner.db.tables.keys import Key
from limner.domain.tasks.task import Task

PIECE = 3 * 64 * 1024
"""Bytes encoded at a time: a multiple of three, so that the pieces' base64 can be joined."""

_PLACEHOLDER = "b64_json goes here"


@dataclass(frozen=True, slots=True)
class FinishedPictures:
    """The pictures of a task. `described` is what the answer says beside them."""

    task: Task
    pictures: Sequence[OpenedPicture]
    urls: Sequence[str]
    described: dict[str, Any]

    def json(self, *, as_url: bool) -> tuple[int, AsyncIterator[bytes]]:
        """The whole answer: its length, and its pieces."""
        data = [{"url": url} if as_url else {"b64_json": _PLACEHOLDER} for url in self.urls]
        frame = orjson.dumps({"created": (self.task.finished_ms or 0) // 1000, "data": data} | self.described)
        if as_url:
            return len(frame), _once(frame)
        parts = frame.split(_PLACEHOLDER.encode())
        length = sum(map(len, parts)) + sum(_encoded_length(each.size) for each in self.pictures)
        return length, self._joined(parts)

    async def event(self, name: str, place: int) -> AsyncIterator[bytes]:
        """The event of one finished picture, in pieces."""
        fields = {"type": name, "b64_json": _PLACEHOLDER, "created_at": (self.task.finished_ms or 0) // 1000}
        before, after = orjson.dumps(fields | self.described).split(_PLACEHOLDER.encode())
        yield b"event: " + name.encode() + b"\ndata: " + before
        async for piece in encoded(self.pictures[place]):
            yield piece
        yield after + b"\n\n"

    async def _joined(self, parts: Sequence[bytes]) -> AsyncIterator[bytes]:
        for part, picture in zip(parts, self.pictures, strict=False):
            yield part
            async for piece in encoded(picture):
                yield piece
        yield parts[-1]


async def finished_pictures(services: Services, key: Key, task: Task, asked: dict[str, Any]) -> FinishedPictures:
    """Open the pictures of a task that succeeded."""
    named = task.result.pictures() if task.result else {}
    first = next(iter(named.values()))
    described = {
        "background": asked.get("background") or "auto",
        "output_format": first.media_type.removeprefix("image/"),
        "quality": asked.get("quality") or "auto",
        "size": f"{first.width}x{first.height}",
    }
    return FinishedPictures(
        task=task,
        pictures=[await services.open_picture(task, name) for name in named],
        urls=picture_links(services, key, task),
        described=described,
    )


def picture_links(services: Services, key: Key, task: Task) -> Sequence[str]:
    """A signed link to each picture of a task, in their order."""
    named, now_ms = task.result.pictures() if task.result else {}, services.clock.now_ms()
    return [
        services.links.picture(key.account_tag, task.id, each.extension, now_ms, name=name)
        for name, each in named.items()
    ]


async def encoded(picture: OpenedPicture) -> AsyncIterator[bytes]:
    """The picture's base64, piece by piece: the whole is never in memory."""
    rest = b""
    async for piece in picture.stream(0, picture.size):
        rest += piece
        whole = len(rest) - len(rest) % 3
        if whole >= PIECE:
            yield base64.b64encode(rest[:whole])
            rest = rest[whole:]
    yield base64.b64encode(rest)


def _encoded_length(size: int) -> int:
    return 4 * -(-size // 3)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
