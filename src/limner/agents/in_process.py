"""Calls of the API within the server's process, through all of its middleware, in the name of an agent's request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from limner.api.http.load_shedding import IN_PROCESS
from limner_client.transport import Answer, TransportFailed

_OF_THE_CALLER = frozenset(
    {b"host", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"traceparent", b"tracestate"}
)
"""Headers that calls keep: whose request it is, and in which trace."""


class InProcessTransport:
    """A transport of `limner_client`. `scope` is that of the agent's request."""

    can_watch = False

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        call = _Call(body or b"")
        try:
            await self._app(self._scope_of(method, path, headers, body), call.receive, call.send)
        except Exception as error:
            raise TransportFailed(f"the call failed within the server: {type(error).__name__}") from error
        return Answer(call.status, b"".join(call.pieces), call.headers)

    def _scope_of(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Scope:
        bare, _, query = path.partition("?")
        kept = [(name, value) for name, value in self._scope["headers"] if name in _OF_THE_CALLER]
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        length = [(b"content-length", str(len(body)).encode())] if body is not None else []
        named = ("type", "asgi", "http_version", "scheme", "client", "server", "root_path", "state", "app")
        return {
            **{name: self._scope[name] for name in named if name in self._scope},
            "method": method,
            "path": unquote(bare),
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "headers": [*kept, *given, *length],
            IN_PROCESS: True,
        }

    def fetch(self, link: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        _not_here(link)

    def watch(
        self, path: str, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        _not_here(path, headers)

    async def close(self) -> None: ...


def _not_here(*_: object) -> NoReturn:
    raise NotImplementedError("tools neither fetch pictures nor watch")


class _Call:
    """One request and its answer."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self.status = 500
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []

    async def receive(self) -> Message:
        if self._body is None:
            await asyncio.Event().wait()  # the caller stays
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.pieces.append(message.get("body", b""))
