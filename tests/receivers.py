"""A webhook receiver on loopback with scripted answers, which stores all messages."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

Answer = web.Response | Callable[[], Awaitable[web.Response]] | int

WITHIN_S = 60


@dataclass(frozen=True)
class Message:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def verified(self, secret: str) -> Any:
        """The content, verified with the published library; raises for a bad signature."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answers` are the next answers by path, in order; after them the answer is 204."""

    address: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str = "/hook") -> str:
        return self.address + path

    def at(self, path: str) -> list[Message]:
        return [message for message in self.messages if message.path == path]

    async def got(self, many: int, path: str = "/hook") -> list[Message]:
        """Wait until this path has received so many messages."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.at(path)) < many:
                self._arrived.clear()
                await self._arrived.wait()
        return self.at(path)

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.messages.append(Message(request.path, headers, await request.read()))
        self._arrived.set()
        script = self.answers.get(request.path, [])
        answer = script.pop(0) if script else 204
        if isinstance(answer, int):
            return web.Response(status=answer)
        return answer if isinstance(answer, web.Response) else await answer()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    async with TestServer(app, host="127.0.0.1") as server:
        receiver.address = str(server.make_url("")).rstrip("/")
        yield receiver


def until(event: asyncio.Event, status: int = 204) -> Callable[[], Awaitable[web.Response]]:
    """An answer that waits for an event."""

    async def wait() -> web.Response:
        await event.wait()
        return web.Response(status=status)

    return wait
