"""Middleware: trace ids, error envelopes for unhandled exceptions, and the body size limit."""

import uuid
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.authentication import STANDINGS
from limner.api.http.content_coding import decoded
from limner.api.http.headers import add_headers, media_type
from limner.api.http.rate_limits import rate_limit_headers
from limner.application.random_bits import random_bits
from limner.application.store_errors import is_outage
from limner.domain.refusal import Code, Refusal, Unavailable

log = structlog.get_logger()

TRACE_ID = "X-Tripo-Trace-ID"
REQUEST_ID = "X-Request-ID"
"""The same id under its newer name, which v3 clients look for."""

MIB = 1024 * 1024
LARGEST_JSON = 28 * MIB
"""A picture of 20 MiB in base64, plus the other fields."""

LARGEST_UPLOAD = 20 * MIB + 64 * 1024
"""A picture of 20 MiB plus its multipart framing."""

LARGEST_FORM = 50 * MIB
"""A form with several pictures."""

MAX_DISCARDED = 64 * MIB
"""Bytes of a refused body that are read and discarded: most clients read the response only after sending."""

AnswerError = Callable[[Scope, Refusal], Response]


_START_MESSAGES = {"http.response.start", "websocket.http.response.start", "websocket.accept"}


class ClientLeftError(OSError):
    """The client has closed its connection, which an ASGI server tells by an OSError of `send`."""


class Trace:
    """Adds the trace id to every response and turns unhandled exceptions into the error envelope."""

    def __init__(self, app: ASGIApp, answer: AnswerError) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        trace = scope["trace"] = str(uuid.UUID(int=random_bits(128), version=4))
        scope[STANDINGS] = []
        started = False

        async def send_traced(message: Message) -> None:
            nonlocal started
            if message["type"] in _START_MESSAGES:
                started = True
                add_headers(message, {TRACE_ID: trace, REQUEST_ID: trace} | rate_limit_headers(scope[STANDINGS]))
            try:
                await send(message)
            except OSError as error:
                raise ClientLeftError from error

        try:
            await self._app(scope, receive, send_traced)
        except (ClientDisconnect, ClientLeftError):
            log.debug("client disconnected", trace=trace, path=scope["path"])
        except Exception as error:
            refusal = _log_error(error, scope, trace)
            if started and scope["type"] == "http":
                raise
            if started:
                await send({"type": "websocket.close", "code": 1011})
                return
            await self._answer(scope, refusal)(scope, receive, send_traced)


def _log_error(error: Exception, scope: Scope, trace: str) -> Refusal:
    """Log the error, with its traceback unless it is an outage of the store; returns what the client gets."""
    facts = {"trace": trace, "method": scope.get("method"), "path": scope["path"]}
    if is_outage(error):
        log.error("store unavailable", error=str(error), **facts)
        return Unavailable()
    log.error("unhandled exception in request", exc_info=error, **facts)
    return _internal_error(trace)


def _internal_error(trace: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN,
        "an internal error occurred",
        suggestion=f"Please contact the support with request id {trace}",
    )


class BodyCap:
    """Undoes the content coding of bodies, and refuses those over the size limit, before or after that.

    By Content-Length, or while they are received. `several` tells of a path whether forms that come to it hold several
    pictures.
    """

    def __init__(self, app: ASGIApp, answer: AnswerError, *, several: Callable[[str], bool] = lambda _: False) -> None:
        self._app = app
        self._answer = answer
        self._several = several

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cap = self._cap_of(scope, headers)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > cap:
            if "expect" not in headers:
                await _discard(receive)
            await self._answer(scope, _too_large(cap))(scope, receive, send)
            return
        await self._app(scope, decoded(headers, counted(receive, cap), cap), send)

    def _cap_of(self, scope: Scope, headers: Headers) -> int:
        is_form = media_type(headers).startswith("multipart/")
        if is_form and self._several(scope["path"]):
            return LARGEST_FORM
        return LARGEST_UPLOAD if is_form or scope["method"] == "PUT" else LARGEST_JSON


class TrailingSlash:
    """Serves a path with trailing slashes as the path without them.

    A redirect, which Starlette would send, would take its host and scheme from the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.endswith("/") and path.strip("/"):
            scope = {**scope, "path": path.rstrip("/")}
        await self._app(scope, receive, send)


def counted(receive: Receive, cap: int) -> Receive:
    """`receive` of at most `cap` bytes of body; raises `Refusal` beyond."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > cap:
                await _discard(receive)
                raise _too_large(cap)
        return message

    return counting


async def _discard(receive: Callable[[], Awaitable[Message]]) -> None:
    left = MAX_DISCARDED
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def _too_large(cap: int) -> Refusal:
    if cap == LARGEST_UPLOAD:
        return Refusal(
            Code.IMAGE_TOO_LARGE,
            "the upload is over 20 MB",
            suggestion="Send a JPEG, PNG or WebP of at most 20 MB.",
            field="file",
        )
    if cap == LARGEST_FORM:
        return Refusal(
            Code.IMAGE_TOO_LARGE,
            "the form is over 50 MB",
            suggestion="Send fewer pictures, each a JPEG, PNG or WebP of at most 20 MB.",
        )
    return Refusal(
        Code.MALFORMED,
        f"the body is over {cap // MIB} MB",
        suggestion="Send pictures of at most 20 MB, best with POST /upload, and name them by file_token.",
    )
