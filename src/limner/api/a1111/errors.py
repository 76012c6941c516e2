"""Errors as AUTOMATIC1111's clients expect them: `{"error", "detail", "body", "errors"}`."""

from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from limner.domain.moderation import who_refused
from limner.domain.refusal import Code, Overloaded, Refusal, TooSlow, Unavailable, UnsupportedMedia
from limner.domain.tasks.task import Status, Task

_STATUSES: dict[int, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NO_CREDIT: 402,
    Code.RATE_LIMITED: 429,
    Code.TOO_MANY_TASKS: 429,
    Code.VERSION_UNKNOWN: 404,
    Code.ROUTE_NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.TASK_NOT_FOUND: 404,
    Code.MALFORMED: 400,
    Code.IMAGE_TOO_LARGE: 413,
    Code.UNKNOWN: 500,
    Code.FATAL: 500,
}
"""Code to HTTP status; all others are 422."""

_OF_REFERENCE = {Code.IMAGE_EMPTY, Code.IMAGE_TYPE_UNSUPPORTED, Code.FILE_NOT_FOUND, Code.IMAGE_TOO_LARGE}


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def answer(_scope: Scope, refusal: Refusal) -> Response:
    field = f"{refusal.field}: " if refusal.field else ""
    text = f"{field}{refusal.clause}. {refusal.suggestion}"
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s is not None else {}
    if refusal.code is Code.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Basic realm="Limner", charset="UTF-8"'
    return error_response(_status_of(refusal), type(refusal).__name__, text, headers)


def error_of_task(task: Task, headers: dict[str, str]) -> Response:
    """The error of a task that ended without a picture. Nothing was charged."""
    said = task.error_msg or ""
    match task.status:
        case Status.BANNED:
            return error_response(
                422, "Moderated", f"{_capitalised(who_refused(said))} refused the request: {said}", headers
            )
        case Status.EXPIRED:
            text = "The task waited too long in the queue. Nothing was charged."
            return error_response(503, "Expired", text, headers)
        case Status.CANCELLED:
            return error_response(500, "Interrupted", "The task was interrupted. Nothing was charged.", headers)
        case _:
            status = 422 if task.error_code in _OF_REFERENCE else 500
            return error_response(status, "Failed", f"No picture was made: {said}. Nothing was charged.", headers)


def error_response(status: int, kind: str, text: str, headers: dict[str, str]) -> Response:
    body: dict[str, Any] = {"error": kind, "detail": text, "body": "", "errors": text}
    return Response(orjson.dumps(body), status, headers, "application/json")


def _status_of(refusal: Refusal) -> int:
    match refusal:
        case Overloaded() | Unavailable():
            return 503
        case TooSlow():
            return 408
        case UnsupportedMedia():
            return 415
        case _:
            return _STATUSES.get(refusal.code, 422)
