"""Around every request: a trace id, a cap on the body, and an answer even when something breaks."""

import uuid
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.authentication import STANDINGS
from limner.api.http.headers import complete
from limner.api.http.rate_limits import told
from limner.application.store_errors import is_outage
from limner.domain.refusal import Code, Refusal, Unavailable

log = structlog.get_logger()

TRACE = "X-Tripo-Trace-ID"
REQUEST = "X-Request-ID"
"""The same id under its newer name, which v3 clients look for."""

MIB = 1024 * 1024
LARGEST_JSON = 28 * MIB
"""A picture of 20 MiB in base64, and room for the words around it."""

LARGEST_UPLOAD = 20 * MIB + 64 * 1024
"""A picture of 20 MiB and the multipart frame around it."""

LARGEST_SWALLOWED = 64 * MIB
"""How much of a body that is too large is read and thrown away, so that the sender hears why it was refused."""

AnswerError = Callable[[Scope, Refusal], Response]


_STARTS = {"http.response.start", "websocket.http.response.start", "websocket.accept"}


class Trace:
    """Gives every answer its trace id, and turns an exception nobody caught into the error envelope."""

    def __init__(self, app: ASGIApp, answer: AnswerError) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        trace = scope["trace"] = str(uuid.uuid4())
        scope[STANDINGS] = []
        started = False

        async def send_traced(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                complete(message, {TRACE: trace, REQUEST: trace} | told(scope[STANDINGS]))
            await send(message)

        try:
            await self._app(scope, receive, send_traced)
        except ClientDisconnect:
            log.debug("the client left", trace=trace, path=scope["path"])
        except Exception as error:
            broken = _told_of(error, scope, trace)
            if started and scope["type"] == "http":
                raise
            if started:
                await send({"type": "websocket.close", "code": 1011})
                return
            await self._answer(scope, broken)(scope, receive, send_traced)


def _told_of(error: Exception, scope: Scope, trace: str) -> Refusal:
    """What the log and the client hear of it: a fault of ours with all that led to it, or whose trouble it is."""
    facts = {"trace": trace, "method": scope.get("method"), "path": scope["path"]}
    if is_outage(error):
        log.error("nothing can be kept", trouble=str(error), **facts)
        return Unavailable()
    log.error("request broke", exc_info=error, **facts)
    return _broken(trace)


def _broken(trace: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN,
        "the server met a fault of its own",
        suggestion=f"Please contact the support with request id {trace}",
    )


class BodyCap:
    """Refuses bodies that are too large, whether they say so or not, without keeping them."""

    def __init__(self, app: ASGIApp, answer: AnswerError) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_file = scope["method"] == "PUT" or headers.get("content-type", "").startswith("multipart/")
        cap = LARGEST_UPLOAD if is_file else LARGEST_JSON
        announced = headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > cap:
            if "expect" not in headers:
                await _swallow(receive)
            await self._answer(scope, _too_large(cap))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, cap), send)


def _counted(receive: Receive, cap: int) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > cap:
                await _swallow(receive)
                raise _too_large(cap)
        return message

    return counting


async def _swallow(receive: Callable[[], Awaitable[Message]]) -> None:
    left = LARGEST_SWALLOWED
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
    return Refusal(
        Code.MALFORMED,
        f"the body is over {cap // MIB} MB",
        suggestion="Send pictures of at most 20 MB, best with POST /upload, and name them by file_token.",
    )
