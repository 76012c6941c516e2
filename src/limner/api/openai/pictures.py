"""Finished pictures in OpenAI's answers: as base64 that is streamed, or as links."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from limner.api.embedded_pictures import PICTURE, in_pieces, json_response
from limner.api.service_container import Services
from limner.application.images.open_picture import OpenedPicture
from limner.db.tables.keys import Key
from limner.domain.tasks.task import Result, Task


@dataclass(frozen=True, slots=True)
class FinishedPictures:
    """The pictures of a task. `described` is what the answer says beside them."""

    task: Task
    pictures: Sequence[OpenedPicture]
    urls: Sequence[str]
    described: dict[str, Any]

    async def response(self, headers: Mapping[str, str], *, as_url: bool) -> Response:
        """The whole answer."""
        data = [{"url": url} if as_url else {"b64_json": PICTURE} for url in self.urls]
        document = {"created": (self.task.finished_ms or 0) // 1000, "data": data} | self.described
        return await json_response(document, () if as_url else self.pictures, headers)

    async def event(self, name: str, place: int) -> AsyncIterator[bytes]:
        """The event of one finished picture, in pieces."""
        fields = {"created_at": (self.task.finished_ms or 0) // 1000} | self.described
        async for piece in _event(name, fields, self.pictures[place]):
            yield piece


@dataclass(frozen=True, slots=True)
class PartialPicture:
    """A picture before it was finished. `fields` are those of its event."""

    picture: OpenedPicture
    fields: dict[str, Any]

    async def event(self, name: str) -> AsyncIterator[bytes]:
        """Its event, in pieces."""
        async for piece in _event(name, self.fields, self.picture):
            yield piece


async def partial_picture(services: Services, task: Task, name: str, asked: dict[str, Any]) -> PartialPicture:
    """Open a preview by the name that its link ends in."""
    preview = task.previews()[name]
    fields = {"created_at": services.clock.now_ms() // 1000, "partial_image_index": preview.number}
    opened = await services.open_picture(task, name)
    return PartialPicture(opened, fields | _described(preview.image, asked))


async def finished_pictures(services: Services, key: Key, task: Task, asked: dict[str, Any]) -> FinishedPictures:
    """Open the pictures of a task that succeeded."""
    named = task.result.pictures() if task.result else {}
    first = next(iter(named.values()))
    return FinishedPictures(
        task=task,
        pictures=[await services.open_picture(task, name) for name in named],
        urls=picture_links(services, key, task),
        described=_described(first, asked),
    )


def _described(image: Result, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "background": asked.get("background") or "auto",
        "output_format": image.media_type.removeprefix("image/"),
        "quality": asked.get("quality") or "auto",
        "size": f"{image.width}x{image.height}",
    }


async def _event(name: str, fields: dict[str, Any], picture: OpenedPicture) -> AsyncIterator[bytes]:
    yield b"event: " + name.encode() + b"\ndata: "
    async for piece in in_pieces({"type": name, "b64_json": PICTURE} | fields, [picture])[1]:
        yield piece
    yield b"\n\n"


def picture_links(services: Services, key: Key, task: Task) -> Sequence[str]:
    """A signed link to each picture of a task, in their order."""
    named, now_ms = task.result.pictures() if task.result else {}, services.clock.now_ms()
    return [
        services.links.picture(key.account_tag, task.id, each.extension, now_ms, name=name)
        for name, each in named.items()
    ]
