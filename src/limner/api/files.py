"""GET of finished pictures by signed link, with ranges and caching."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.api.signed_link import SIGNATURE, check_link
from limner.application.images.open_picture import OpenedPicture, images_of
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.marking.layout import MarkState
from limner.ports.acting_account import act_for
from limner.ports.blobs import BlobMissing

_RANGE = re.compile(r"bytes=(\d{0,99})-(\d{0,99})")

INLINE_MEDIA_TYPES = {"image/png", "image/jpeg", "image/webp"}
"""Media types served inline; anything else is served as a download."""

# A vendor's bytes are untrusted: browsers must neither sniff another type nor run scripts in them.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=86400, immutable",
}


MARK = "X-Limner-Mark"

BUCKET_LINK_S = 300
"""The life of a link of the bucket: the client follows it at once."""

_DESCRIBED = {
    "parameters": SIGNATURE,
    "responses": {
        "200": {
            "description": "The picture, marked with how it was made",
            "content": {"image/*": {}},
            "headers": {
                MARK: {
                    "description": "`added`: the mark was added to the vendor's file. `vendor`: the file has the "
                    "vendor's own mark and was not changed. `none`: it has no mark.",
                    "schema": {"type": "string", "enum": list(MarkState)},
                }
            },
        },
        "206": {"description": "A part of it"},
        "307": {"description": "It is in the bucket, at `Location`, for five minutes; where the operator chose that"},
        "403": {"description": "The link has expired or was changed"},
        "404": {"description": "There is no such picture"},
    },
}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Half-open byte range [start, end) of a file of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def partial(self) -> bool:
        return (self.start, self.end) != (0, self.size)


def operations(services: Services) -> list[Operation]:
    async def picture(request: Request) -> Response:
        check_link(services, request, "Read the task again for a fresh link.")
        task_id, name = request.path_params["task_id"], request.path_params["name"]
        task = await services.open_picture.task(None, TaskId(task_id))
        act_for(task.account)
        if task.removed_ms is not None:
            raise _removed(task.removed_ms)
        named = {f"{each}.{of.extension}": each for each, of in images_of(task).items()}
        if name not in named:
            raise _not_found()
        try:
            opened = await services.open_picture(task, named[name])
        except BlobMissing:
            raise _not_found() from None
        return _at_the_bucket(services, request, name, opened) or picture_answer(request, name, opened)

    path = "/files/{tag}/{task_id}/{name}"
    return [Operation("GET", path, picture, "files", "Fetch a picture by its signed link", _DESCRIBED)]


def picture_answer(request: Request, name: str, opened: OpenedPicture) -> Response:
    etag, size, media_type = f'"{opened.tag}"', opened.size, opened.result.media_type
    is_picture = media_type in INLINE_MEDIA_TYPES
    shown = "inline" if is_picture else "attachment"
    disposition = f'{shown}; filename="{name}"'
    headers = _HEADERS | {"ETag": etag, "Content-Disposition": disposition, MARK: opened.mark}
    if is_cached(etag, request):
        return Response(status_code=304, headers=headers)
    byte_range = _requested_range(request, etag, size)
    if byte_range is None:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(byte_range.end - byte_range.start)
    if byte_range.partial:
        headers["Content-Range"] = f"bytes {byte_range.start}-{byte_range.end - 1}/{size}"
    body = _empty_body() if request.method == "HEAD" else opened.stream(byte_range.start, byte_range.end)
    sent_as = media_type if is_picture else "application/octet-stream"
    return StreamingResponse(body, 206 if byte_range.partial else 200, headers, sent_as)


def _at_the_bucket(services: Services, request: Request, name: str, opened: OpenedPicture) -> Response | None:
    """A redirect to the file in the bucket, where that is what would be sent; None where Limner sends it.

    The link is for one picture and a few minutes, whatever the life of Limner's own, so that one that was passed on is
    soon of no use. Of HEAD, and of a copy that the client has already, nothing is to be fetched.
    """
    result = opened.result
    fits = opened.is_as_stored and result.media_type in INLINE_MEDIA_TYPES and request.method == "GET"
    if services.presigned is None or not fits or is_cached(f'"{opened.tag}"', request):
        return None
    disposition = f'inline; filename="{name}"'
    link = services.presigned.link(result.blob, result.media_type, disposition, BUCKET_LINK_S, services.clock.now_ms())
    headers = {
        "Location": link,
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "Access-Control-Allow-Origin": "*",
        MARK: opened.mark,
    }
    return Response(status_code=307, headers=headers)


def is_cached(etag: str, request: Request) -> bool:
    """Whether If-None-Match names the current ETag."""
    etags = request.headers.get("if-none-match", "").split(",")
    return any(each.strip().removeprefix("W/") in {etag, "*"} for each in etags)


async def _empty_body() -> AsyncIterator[bytes]:
    return
    yield b""


def _requested_range(request: Request, etag: str, size: int) -> ByteRange | None:
    """The range to serve; None when it is unsatisfiable. Anything but a single valid range means the whole file."""
    header = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first, last = header.groups() if header else ("", "")
    stale = request.headers.get("if-range", etag) != etag
    reversed_range = bool(first and last) and int(last) < int(first)
    if stale or reversed_range or not (first or last):
        return ByteRange(0, size, size)
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    return ByteRange(start, end, size) if start < end else None


def _removed(at_ms: int) -> Refusal:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"the picture was removed on {day}",
        suggestion="Pictures are deleted after the retention time or on request. Create the task again.",
    )


def _not_found() -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND, "there is no such picture", suggestion="Read the task again for its link.", field="path"
    )
