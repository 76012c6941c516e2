"""Requests of `/mcp` in the one form that the SDK reads: a body in UTF-8 and `Content-Type: application/json`."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from limner.api.http.content_coding import decoded, decoded_body
from limner.api.http.headers import media_type
from limner.api.http.middleware import counted

_PLAIN = {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
_OF_THE_BODY = {b"content-type", b"content-encoding", b"content-length", b"transfer-encoding"}


async def plain_request(scope: Scope, receive: Receive, cap: int) -> tuple[Scope, Receive]:
    """The same request, its coding and charset undone and its type in lower case. Raises `Refusal`, also over `cap`."""
    headers = Headers(scope=scope)
    kind = media_type(headers)
    is_plain = headers.get("content-type") in _PLAIN and "content-encoding" not in headers
    if scope["method"] != "POST" or is_plain or kind not in {"", "application/json"}:
        return scope, receive
    body = await decoded_body(Request(scope, decoded(headers, counted(receive, cap), cap)))
    kept = [pair for pair in scope["headers"] if pair[0] not in _OF_THE_BODY]
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": [*kept, *told]}, _once(body, receive)


def _once(body: bytes, receive: Receive) -> Receive:
    """`receive` of a body that was read, then of what follows it."""
    left = [body]

    async def given() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return given
