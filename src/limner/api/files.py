"""Finished pictures, behind signed links."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from limner.api.face import Face
from limner.api.operation import Operation
from limner.application.read import own_task
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.task import Result
from limner.ports.blobs import BlobMissing

_RANGE = re.compile(r"bytes=(\d{0,99})-(\d{0,99})")

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
    "parameters": [
        {"name": "exp", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "sig", "in": "query", "required": True, "schema": {"type": "string"}},
    ],
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


def operations(face: Face) -> list[Operation]:
    async def picture(request: Request) -> Response:
        _check_link(face, request)
        task_id, name = request.path_params["task_id"], request.path_params["name"]
        task = await face.store.read(lambda records: own_task(records, None, TaskId(task_id)))
        if task.result is None or name != f"generated_image.{task.result.extension}":
            raise _gone()
        try:
            size = await face.blobs.size(task.result.blob)
        except BlobMissing:
            raise _gone() from None
        return _answer(face, request, task.result, size)

    path = "/files/{tag}/{task_id}/{name}"
    return [Operation("GET", path, picture, "files", "Fetch a picture by its signed link", _DESCRIBED)]


def _check_link(face: Face, request: Request) -> None:
    expires, signature = request.query_params.get("exp", ""), request.query_params.get("sig", "")
    path = request.scope["path"]
    known = expires.isascii() and expires.isdigit() and len(expires) < 12
    if not known or not face.links.holds(path, int(expires), signature, face.clock.now_ms()):
        raise Refusal(
            Code.FORBIDDEN,
            "the link has expired or was changed",
            suggestion="Read the task again for a fresh link: GET /v2/openapi/task/{task_id}.",
        )


def _answer(face: Face, request: Request, result: Result, size: int) -> Response:
    etag = f'"{result.blob}"'
    headers = _SAFE | {"ETag": etag}
    if _is_known(etag, request):
        return Response(status_code=304, headers=headers)
    span = _span(request, etag, size)
    if span is None:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(span.end - span.start)
    if span.partial:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    body = _nothing() if request.method == "HEAD" else face.blobs.stream(result.blob, span.start, span.end)
    return StreamingResponse(body, 206 if span.partial else 200, headers, result.media_type)


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


def _gone() -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND, "there is no such picture", suggestion="Read the task again for its link.", field="path"
    )
