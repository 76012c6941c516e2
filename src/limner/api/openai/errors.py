"""Errors as OpenAI's clients expect them: `{"error": {"message", "type", "param", "code"}}`.

`x-should-retry` tells the SDKs whether to send the request again: only where nothing was decided yet.
"""

from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from limner.application.tasks.accept import IdempotencyConflict
from limner.domain.moderation import who_refused
from limner.domain.refusal import Code, Overloaded, Refusal, TooSlow, Unavailable, UnsupportedMedia
from limner.domain.tasks.task import Status, Task

SHOULD_RETRY = "x-should-retry"

INVALID = "invalid_request_error"
_PARAMETERS = {"model_version": "model", "files": "image", "file": "image"}

_KINDS: dict[int, tuple[int, str, str]] = {
    Code.UNAUTHENTICATED: (401, INVALID, "invalid_api_key"),
    Code.FORBIDDEN: (403, INVALID, "insufficient_permissions"),
    Code.MALFORMED: (400, INVALID, "invalid_json"),
    Code.NO_CREDIT: (429, "insufficient_quota", "insufficient_quota"),
    Code.RATE_LIMITED: (429, "requests", "rate_limit_exceeded"),
    Code.TOO_MANY_TASKS: (429, "requests", "rate_limit_exceeded"),
    Code.VERSION_UNKNOWN: (404, INVALID, "model_not_found"),
    Code.ROUTE_NOT_FOUND: (404, INVALID, "unknown_url"),
    Code.METHOD_NOT_ALLOWED: (405, INVALID, "method_not_allowed"),
    Code.TASK_NOT_FOUND: (404, INVALID, "not_found"),
    Code.IMAGE_TOO_LARGE: (413, INVALID, "image_too_large"),
    Code.CONTENT_POLICY: (400, "image_generation_user_error", "moderation_blocked"),
    Code.UNKNOWN: (500, "server_error", "server_error"),
    Code.FATAL: (500, "server_error", "server_error"),
}
"""Code to (HTTP status, type, code); all others are 400 `invalid_value`."""

_OF_REFERENCE = {Code.IMAGE_EMPTY, Code.IMAGE_TYPE_UNSUPPORTED, Code.FILE_NOT_FOUND, Code.IMAGE_TOO_LARGE}


def error_of(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """The HTTP status, and the error."""
    status, kind, code = _KINDS.get(refusal.code, (400, INVALID, "invalid_value"))
    if isinstance(refusal, Overloaded | Unavailable):
        status, kind, code = 503, "server_error", "server_is_overloaded"
    if isinstance(refusal, TooSlow):
        status = 408
    if isinstance(refusal, UnsupportedMedia):
        status = 415
    if isinstance(refusal, IdempotencyConflict):
        status, code = 422, "idempotency_key_reused"
    message = f"{refusal.clause[:1].upper()}{refusal.clause[1:]}. {refusal.suggestion}"
    return status, _body(message, kind, code, _parameter(refusal.field))


def error_of_task(task: Task) -> tuple[int, dict[str, Any]]:
    """The error of a task that ended without a picture. Nothing was charged."""
    said = task.error_msg or ""
    match task.status:
        case Status.BANNED:
            return 400, _body(
                f"The request was rejected by {who_refused(said)}: {said}", *_KINDS[Code.CONTENT_POLICY][1:]
            )
        case Status.EXPIRED:
            return 503, _body(
                "The task waited too long in the queue. Nothing was charged.", "server_error", "server_is_overloaded"
            )
        case Status.CANCELLED:
            return 500, _body("The task was cancelled. Nothing was charged.", "server_error", "cancelled")
        case _ if task.error_code in _OF_REFERENCE:
            return 400, _body(said, INVALID, "invalid_value", "image")
        case _:
            return 500, _body(f"No picture was made: {said}. Nothing was charged.", "server_error", "server_error")


def answer(_scope: Scope, refusal: Refusal) -> Response:
    status, error = error_of(refusal)
    undecided = refusal.code in {Code.RATE_LIMITED, Code.TOO_MANY_TASKS} or isinstance(refusal, Unavailable)
    headers = {SHOULD_RETRY: "true" if undecided else "false"}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return error_response(status, error, headers)


def error_response(status: int, error: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps({"error": error}), status, {SHOULD_RETRY: "false"} | (headers or {}), "application/json"
    )


def _body(message: str, kind: str, code: str, parameter: str | None = None) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": parameter, "code": code}


def _parameter(field: str | None) -> str | None:
    name = (field or "").partition("[")[0].partition(".")[0]
    return _PARAMETERS.get(name, name) or None
