"""GET of thumbnails, by signed link or with a key."""

from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.files import is_cached
from limner.api.http.authentication import authorization_of, caller
from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.api.signed_link import check_link
from limner.application.library.thumbnails import picture_of
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Task
from limner.domain.thumbnail import DEFAULT_SIDE, SIDES, side_for
from limner.marking.mark import marked_bytes
from limner.marking.xmp import Mark
from limner.ports.acting_account import act_for

PATH = "/thumbs/{task_id}.webp"
LONGEST_CACHED_S = 7 * 86_400
MARKED = 200
"""Marked copies kept in memory, of at most 25 KB each."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": f"private, max-age={LONGEST_CACHED_S}, immutable",
}


def _parameter(name: str, described: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": described, "schema": schema}


_DESCRIBED = {
    "security": [{"key": []}, {}],
    "parameters": [
        _parameter(
            "w",
            f"The longest side: {', '.join(map(str, SIDES))}; others are rounded up.",
            {"type": "integer", "minimum": 1},
        ),
        _parameter("name", "Which picture, by the name in its link. Default: the first.", {"type": "string"}),
        _parameter("exp", "Of a signed link, which needs no key.", {"type": "string"}),
        _parameter("sig", "Of a signed link.", {"type": "string"}),
    ],
    "responses": {
        "200": {"description": "The thumbnail, at most 25 KB", "content": {"image/webp": {}}},
        "304": {"description": "It is what If-None-Match names"},
        "400": {"description": "The width is no whole number"},
        "401": {"description": "Neither a key nor a signed link"},
        "403": {"description": "The link has expired or was changed"},
        "404": {"description": "There is no such picture"},
        "503": {"description": "Marks are required, and the picture cannot be marked now"},
    },
}


def operations(services: Services) -> list[Operation]:
    async def thumbnail(request: Request) -> Response:
        task = await _authorised_task(services, request)
        name, side = request.query_params.get("name"), _side(request)
        blob = picture_of(task, name).blob
        first = next(iter(task.result.pictures() if task.result else ()), "")
        mark = await services.open_picture.mark_of_thumbnail(task, name or first)
        etag = f'"{blob}-{side}-{mark.generator if mark else ""}"'
        if is_cached(etag, request):
            return Response(status_code=304, headers=_HEADERS | {"ETag": etag})
        data = await services.thumbnails(task, name, side)
        return Response(_marked(data, mark) if mark else data, 200, _HEADERS | {"ETag": etag}, "image/webp")

    return [Operation("GET", PATH, thumbnail, "files", "Fetch a small copy of a picture", _DESCRIBED)]


@lru_cache(MARKED)
def _marked(data: bytes, mark: Mark) -> bytes:
    """The marked copy: the same ones are asked for again and again."""
    return marked_bytes("image/webp", data, mark)


async def _authorised_task(services: Services, request: Request) -> Task:
    """The task, if the request has a signed link of it or a key of its account. Raises `Refusal`."""
    task_id = TaskId(request.path_params["task_id"])
    account = None
    if "sig" in request.query_params:
        check_link(services, request, "Read the task again for a fresh link.")
    else:
        await services.authentication.authorize(request, "read", None, authorization_of(request))
        account = caller(request).account
    task = await services.open_picture.task(account, task_id)
    act_for(task.account)
    return task


def _side(request: Request) -> int:
    text = request.query_params.get("w", str(DEFAULT_SIDE))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        raise Refusal(
            Code.INVALID,
            f"w is {text[:20]!r}",
            suggestion=f"Send the width in pixels: {', '.join(map(str, SIDES))}; others are rounded up.",
            field="w",
        )
    return side_for(int(text))
