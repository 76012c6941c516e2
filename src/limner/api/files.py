"""Finished pictures, behind signed links."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.api.signed_link import SIGNATURE, check_link
from limner.application.read import own_task
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Result
from limner.ports.blobs import BlobMissing

_RANGE = re.compile(r"bytes=(\d{0,99})-(\d{0,99})")

SHOWN = {"image/png", "image/jpeg", "image/webp"}
"""What a browser may show in the page; anything else could only be downloaded."""

# A picture may be anything a vendor, or somebody behind it, made: it is shown as what its bytes are and never run.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=86400, immutable",
}


_DESCRIBED = {
    "parameters": SIGNATURE,
    "responses": {
        "200": {"description": "The picture", "content": {"image/*": {}}},
        "206": {"description": "A part of it"},
        "403": {"description": "The link has expired or was changed"},
        "404": {"description": "There is no such picture"},
    },
}


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `end`, of `size`."""

    start: int
    end: int
    size: int

    @property
    def partial(self) -> bool:
        return (self.start, self.end) != (0, self.size)


def operations(face: Services) -> list[Operation]:
    async def picture(request: Request) -> Response:
        check_link(face, request, "Read the task again for a fresh link.")
        task_id, name = request.path_params["task_id"], request.path_params["name"]
        task = await face.store.read(lambda records: own_task(records, None, TaskId(task_id)))
        if task.removed_ms is not None:
            raise _removed(task.removed_ms)
        named = {f"{each}.{of.extension}": of for each, of in task.result.pictures().items()} if task.result else {}
        if name not in named:
            raise _gone()
        try:
            size = await face.blobs.size(named[name].blob)
        except BlobMissing:
            raise _gone() from None
        return _answer(face, request, name, named[name], size)

    path = "/files/{tag}/{task_id}/{name}"
    return [Operation("GET", path, picture, "files", "Fetch a picture by its signed link", _DESCRIBED)]


def _answer(face: Services, request: Request, name: str, result: Result, size: int) -> Response:
    etag = f'"{result.blob}"'
    is_picture = result.media_type in SHOWN
    shown = "inline" if is_picture else "attachment"
    headers = _SAFE | {"ETag": etag, "Content-Disposition": f'{shown}; filename="{name}"'}
    if _is_known(etag, request):
        return Response(status_code=304, headers=headers)
    span = _span(request, etag, size)
    if span is None:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(span.end - span.start)
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    body = _nothing() if request.method == "HEAD" else face.blobs.stream(result.blob, span.start, span.end)
    media_type = result.media_type if is_picture else "application/octet-stream"
    return StreamingResponse(body, 206 if span.partial else 200, headers, media_type)


def _is_known(etag: str, request: Request) -> bool:
    """Whether the caller has the picture already."""
    known = request.headers.get("if-none-match", "").split(",")
    return any(each.strip().removeprefix("W/") in {etag, "*"} for each in known)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _span(request: Request, etag: str, size: int) -> Span | None:
    """The bytes asked for; None when there are no such bytes. What is not one plain range is answered whole."""
    wanted = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first, last = wanted.groups() if wanted else ("", "")
    stale = request.headers.get("if-range", etag) != etag
    backwards = bool(first and last) and int(last) < int(first)
    if stale or backwards or not (first or last):
        return Span(0, size, size)
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    return Span(start, end, size) if start < end else None


def _removed(at_ms: int) -> Refusal:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"the picture was removed on {day}",
        suggestion="This service keeps pictures for a time, or until somebody has them erased. Create the task again.",
    )


def _gone() -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND, "there is no such picture", suggestion="Read the task again for its link.", field="path"
    )
