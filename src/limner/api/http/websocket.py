"""Serves a task watch over a WebSocket: frames out, nothing in."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.websockets import WebSocket, WebSocketDisconnect

from limner.application.watching.watch import Watch
from limner.application.watching.watcher import TaskChange, WatchEnd, Watcher

SEND_LIMIT_S = 60
"""Timeout for sending one frame to a client that does not read; usually the server's pings fail sooner."""

PROTOCOL = "limner"
KEY_PROTOCOL = "limner.key."
"""Browsers can send no headers with a WebSocket; they offer the protocols `limner` and `limner.key.tsk_…` instead."""


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Serialises a change for the wire. Watchers of one `name` get the same text, which is made once."""

    name: str
    text_of: Callable[[TaskChange], str]

    def frame(self, change: TaskChange) -> str:
        if self.name not in change.frames:
            change.frames[self.name] = self.text_of(change)
        return change.frames[self.name]


_GONE = (TimeoutError, WebSocketDisconnect, RuntimeError)
"""Raised when the client has closed the socket; RuntimeError is uvicorn's, in a short window after the close."""

_CLOSES = {
    WatchEnd.FINISHED: (1000, ""),
    WatchEnd.REVOKED: (1008, "the key was revoked"),
    WatchEnd.SIGNED_OUT: (1008, "the session has ended"),
    WatchEnd.BEHIND: (1013, "the client reads too slowly: connect again, with the time of the last frame"),
    WatchEnd.STOPPED: (1012, "the server is shutting down"),
}


def credentials(socket: WebSocket) -> str | None:
    """The Authorization header, or its equivalent from the offered protocols."""
    offered = [each for each in _offered(socket.headers) if each.startswith(KEY_PROTOCOL)]
    given = f"Bearer {offered[0].removeprefix(KEY_PROTOCOL)}" if offered else None
    return socket.headers.get("authorization", given)


async def serve(socket: WebSocket, watch: Watch, watcher: Watcher, form: FrameFormat) -> None:
    """Accept the socket, send every change, and close it when the watch ends."""
    await socket.accept(PROTOCOL if PROTOCOL in _offered(socket.headers) else None)
    listening = asyncio.create_task(_listen(socket, watcher))
    try:
        await _send(socket, watch, watcher, form)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    if watcher.end in _CLOSES:
        with contextlib.suppress(*_GONE):
            await socket.close(*_CLOSES[watcher.end])


async def _send(socket: WebSocket, watch: Watch, watcher: Watcher, form: FrameFormat) -> None:
    async for change in watch.changes(watcher):
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await socket.send_text(form.frame(change))
        except _GONE:
            watcher.finish(WatchEnd.LEFT)


async def _listen(socket: WebSocket, watcher: Watcher) -> None:
    """Discard client messages; finish the watch on disconnect."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    watcher.finish(WatchEnd.LEFT)


def _offered(headers: Headers) -> list[str]:
    return [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]
