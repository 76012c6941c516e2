"""Requests of `/mcp` in the one form that the SDK reads: a body in UTF-8 and `Content-Type: application/json`."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from limner.api.http.content_coding import decoded_body
from limner.api.http.headers import media_type

_OF_THE_BODY = {b"content-type", b"content-encoding", b"content-length", b"transfer-encoding"}


async def body_of(scope: Scope, receive: Receive) -> bytes | None:
    """The JSON of a request in UTF-8, None for one that brings none. Raises `Refusal`."""
    if scope["method"] != "POST" or media_type(Headers(scope=scope)) not in {"", "application/json"}:
        return None
    return await decoded_body(Request(scope, receive))


def with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The request with this body in place of the one that was read."""
    kept = [pair for pair in scope["headers"] if pair[0] not in _OF_THE_BODY]
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": [*kept, *told]}, _once(body, receive)


def _once(body: bytes, receive: Receive) -> Receive:
    """`receive` of a body that was read, then of what follows it."""
    left = [body]

    async def given() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return given
