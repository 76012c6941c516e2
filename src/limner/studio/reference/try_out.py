"""Trying a call of the API out with the key of the session, which never enters the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope

from limner.api.http.authentication import Authentication
from limner.api.http.operation import Operation
from limner.api.v2 import errors as v2_errors
from limner.api.v3 import errors as v3_errors
from limner.api.v3.routes import PREFIX as V3_PREFIX
from limner.domain.refusal import Code, Refusal
from limner.studio.session import StudioSession

SHOWN_TYPES = ("application/json", "text/")
MOST_SHOWN = 200_000
"""Characters of an answer in the page."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An answer: its status, its headers in their order, and its text."""

    status: int
    headers: Sequence[tuple[str, str]]
    text: str


@dataclass(frozen=True, slots=True)
class TryOut:
    """Runs the operations as a request with the session's key would: scope and rate limits apply."""

    operations: Sequence[Operation]
    authentication: Authentication

    async def __call__(self, request: Request, session: StudioSession, method: str, target: str, body: bytes) -> Tried:
        """`target` is the path with its query. Raises `Refusal` only where no operation is meant."""
        parts = urlsplit(target)
        scope = _scope_of(request, method, parts.path, parts.query, body)
        operation, child = self._found(scope)
        inner = Request({**scope, **child}, _once(body, request.receive))
        try:
            response = await self._answer(inner, session, operation)
        except Refusal as refusal:
            v3 = parts.path.startswith(f"{V3_PREFIX}/")
            response = v3_errors.answer(scope, refusal) if v3 else v2_errors.answer(refusal)
        return _tried(response)

    def _found(self, scope: Scope) -> tuple[Operation, Scope]:
        for operation in self.operations:
            match, child = Route(operation.path, operation.endpoint, methods=[operation.method]).matches(scope)
            if match is Match.FULL:
                return operation, child
        raise Refusal(
            Code.ROUTE_NOT_FOUND,
            f"there is no call {scope['method']} {scope['path']}",
            suggestion="Begin with the path as the reference shows it.",
            field="path",
        )

    async def _answer(self, request: Request, session: StudioSession, operation: Operation) -> Response:
        if operation.scope is not None:
            if not session.may(operation.scope):
                raise Refusal(
                    Code.FORBIDDEN,
                    f"this is for keys with the scope {operation.scope!r}",
                    suggestion="Sign in with such a key.",
                )
            self.authentication.act_as(request, session.key, operation.rate)
        return await operation.endpoint(request)


def _scope_of(request: Request, method: str, path: str, query: str, body: bytes) -> Scope:
    host = request.headers.get("host", "")
    sent = {"host": host, "content-type": "application/json", "content-length": str(len(body))}
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
    named = {"method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    return dict(request.scope) | named | {"headers": headers, "path_params": {}}


def _once(body: bytes, outer: Receive) -> Receive:
    """The body, and then what the browser's own connection tells: calls that wait end when the browser goes."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return await outer()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _tried(response: Response) -> Tried:
    kind = response.headers.get("content-type", "")
    headers = [(name, value) for name, value in response.headers.items() if name != "content-length"]
    if isinstance(response, StreamingResponse) or not kind.startswith(SHOWN_TYPES):
        return Tried(response.status_code, headers, f"({kind or 'no content'}: not shown here)")
    return Tried(response.status_code, headers, bytes(response.body).decode(errors="replace")[:MOST_SHOWN])
