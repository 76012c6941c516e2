"""Watching tasks on the v2 API: WebSockets whose frames hold a task as `GET /task/{task_id}` shows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from limner.api.http.operation import Operation
from limner.api.http.websocket import FrameFormat, credentials, serve
from limner.api.service_container import Services
from limner.api.v2 import openapi
from limner.api.v2.task import task_body
from limner.application.watching.watcher import TaskChange
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLANK_OFFSET = re.compile(r" (?=\d\d:?\d\d$)")


def operations(prefix: str) -> list[Operation]:
    """What a plain GET of these paths is answered, and their description."""

    async def no_socket(_request: Request) -> Response:
        raise Refusal(
            Code.MALFORMED,
            "this is a WebSocket",
            suggestion="Connect with a WebSocket client, or poll GET /task/{task_id}.",
        )

    return [
        Operation("GET", f"{prefix}/task/watch/{path}", no_socket, "v2", summary, openapi.WATCH, "read")
        for path, summary in (
            ("all", "Watch all tasks (WebSocket)"),
            ("all/{since}", "Watch all tasks, those that changed since a time first (WebSocket)"),
            ("{task_id}", "Watch a task (WebSocket)"),
        )
    ]


def sockets(prefix: str, services: Services) -> Sequence[BaseRoute]:
    watching = Watching(services)
    return [
        WebSocketRoute(f"{prefix}/task/watch/all", watching.all),
        WebSocketRoute(f"{prefix}/task/watch/all/{{since}}", watching.since),
        WebSocketRoute(f"{prefix}/task/watch/{{task_id}}", watching.task),
    ]


@dataclass(frozen=True, slots=True)
class Watching:
    """One method a path. What they raise before they accept refuses the handshake, in the envelope of the API."""

    services: Services

    async def task(self, socket: WebSocket) -> None:
        key = await self._key(socket)
        async with self.services.watch.task(key, TaskId(socket.path_params["task_id"])) as watcher:
            await serve(socket, self.services.watch, watcher, self._form(key))

    async def all(self, socket: WebSocket) -> None:
        await self._account(socket, await self._key(socket), None)

    async def since(self, socket: WebSocket) -> None:
        key = await self._key(socket)
        await self._account(socket, key, read_since(socket.path_params["since"]))

    async def _account(self, socket: WebSocket, key: Key, since_ms: int | None) -> None:
        async with self.services.watch.account(key, since_ms) as watcher:
            await serve(socket, self.services.watch, watcher, self._form(key))

    async def _key(self, socket: WebSocket) -> Key:
        return await self.services.authentication.find_key(socket, credentials(socket), "read")

    def _form(self, key: Key) -> FrameFormat:
        def text_of(change: TaskChange) -> str:
            data = task_body(change.seen, key.account_tag, self.services.links, self.services.clock.now_ms())
            return orjson.dumps({"event": "finalized" if change.final else "update", "data": data}).decode()

        return FrameFormat("v2", text_of)


def read_since(text: str) -> int:
    """An ISO 8601 time with its offset, in milliseconds since 1970. Raises `Refusal` 1004 for anything else.

    A `+` that was decoded into a blank on its way counts as the `+` it was.
    """
    try:
        since = datetime.fromisoformat(_BLANK_OFFSET.sub("+", text))
    except ValueError:
        raise _no_time(f"{text[:100]!r} is no time") from None
    if since.tzinfo is None:
        raise _no_time(f"{text[:100]!r} has no offset")
    return max(0, (since - _EPOCH) // timedelta(milliseconds=1))


def _no_time(reason: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        reason,
        suggestion="Send an ISO 8601 time with its offset, such as 2026-11-24T19:20:30Z or 2026-11-24T20:20:30+01:00.",
        field="since",
    )
