"""Calls of the API within the server's process, through all of its middleware, in the name of an agent's request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn
from urllib.parse import unquote

import orjson
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
    """Calls wait for one task each, by `limner.agents.in_process_client`; nobody follows all tasks of an account."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        call = _Call(body or b"")
        try:
            await self._app(self._request(method, path, headers, body), call.receive, call.send)
        except Exception as error:
            raise TransportFailed(f"the call failed within the server: {type(error).__name__}") from error
        return Answer(call.status, b"".join(call.pieces), call.headers)

    @asynccontextmanager
    async def watch(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        """Raises `TransportFailed` where the handshake is refused."""
        socket = _Socket()
        serving = asyncio.create_task(socket.served(self._app, self._scope_of("websocket", path, headers)))
        try:
            await socket.opened()
            yield socket.frames()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Scope:
        length = {"content-length": str(len(body))} if body is not None else {}
        return {**self._scope_of("http", path, {**headers, **length}), "method": method}

    def _scope_of(self, kind: str, path: str, headers: Mapping[str, str]) -> Scope:
        bare, _, query = path.partition("?")
        kept = [(name, value) for name, value in self._scope["headers"] if name in _OF_THE_CALLER]
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        named = ("asgi", "http_version", "scheme", "client", "server", "root_path", "state", "app")
        return {
            **{name: self._scope[name] for name in named if name in self._scope},
            "type": kind,
            "path": unquote(bare),
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "headers": [*kept, *given],
            IN_PROCESS: True,
        }

    def fetch(self, link: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        _not_here(link)

    async def close(self) -> None: ...


def _not_here(*_: object) -> NoReturn:
    raise NotImplementedError("tools fetch no pictures")


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


class _Socket:
    """A WebSocket and what came over it."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._connected = False

    async def served(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._arrived.put)
        finally:
            self._arrived.put_nowait({"type": "websocket.close"})

    async def _receive(self) -> Message:
        if self._connected:
            await asyncio.Event().wait()  # the caller says nothing; its leaving cancels
        self._connected = True
        return {"type": "websocket.connect"}

    async def opened(self) -> None:
        if (await self._arrived.get())["type"] != "websocket.accept":
            raise TransportFailed("the watch was refused")

    async def frames(self) -> AsyncIterator[Mapping[str, Any]]:
        while (message := await self._arrived.get())["type"] == "websocket.send":
            yield orjson.loads(message["text"])
