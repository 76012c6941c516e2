"""Spans of requests, where traces are on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.application.spans import HTTP_STATUS, METHOD, PATH, REQUEST_ID
from limner.ports.tracing import Span, SpanKind, TraceContext, Tracing

_READS = {"GET", "HEAD", "OPTIONS"}


class RequestSpans:
    """Opens a span for each request that changes something, and for reads whose client sends a `traceparent`.

    Other reads would be most of all traces: a client polls a task many times.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parent = _parent(scope) if scope["type"] == "http" else None
        if scope["type"] != "http" or (parent is None and scope["method"] in _READS):
            await self._app(scope, receive, send)
            return
        facts = {METHOD: scope["method"], REQUEST_ID: scope.get("trace", "")}
        with self._tracing.span(scope["method"], facts, kind=SpanKind.SERVER, parent=parent) as span:

            async def send_noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, send_noted)


def _parent(scope: Scope) -> TraceContext | None:
    """The W3C headers of the request. Of several of one name the first counts."""
    headers = Headers(scope=scope)
    found = {name: value for name in ("traceparent", "tracestate") if (value := headers.get(name))}
    return found if "traceparent" in found else None


def _describe(span: Span, scope: Scope, status: int) -> None:
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        span.rename(f"{scope['method']} {path}")
        span.set({PATH: path})
    span.set({HTTP_STATUS: status})
    if status >= 500:
        span.fail(str(status))
