"""A watch's WebSocket as the server's side sees it: what a client that fails, or a fault of ours, makes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from limner.api.http import websocket as serving
from limner.api.http.middleware import Trace
from limner.api.http.websocket import FrameFormat, credentials, serve
from limner.api.v2.errors import answer
from limner.api.v2.watch import read_since
from limner.application.watching.watcher import SnapshotPage, WatchEnd, Watcher
from limner.domain.refusal import Code, Refusal

SCOPE = {"type": "websocket", "path": "/v2/openapi/task/watch/all", "extensions": {"websocket.http.response": {}}}


@dataclass
class Socket:
    """A client on the other side of ASGI."""

    says: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    hears: list[dict[str, Any]] = field(default_factory=list)
    takes: Callable[[dict[str, Any]], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.says.put_nowait({"type": "websocket.connect"})

    async def send(self, message: Any) -> None:
        self.hears.append(message)
        if self.takes:
            await self.takes(message)

    def opened(self, *headers: tuple[bytes, bytes]) -> WebSocket:
        return WebSocket(SCOPE | {"headers": list(headers)}, self.says.get, self.send)

    def message_types(self) -> list[str]:
        return [message["type"] for message in self.hears]


@dataclass
class Frames:
    """A watch with so many changes in it, that is over after them."""

    many: int
    end: WatchEnd = WatchEnd.FINISHED

    async def changes(self, watcher: Watcher) -> Any:
        for number in range(self.many):
            if watcher.end is None:
                yield Told(f"frame {number}")
        watcher.finish(self.end)


@dataclass
class Told:
    text: str
    frames: dict[str, str] = field(default_factory=dict)


NUMBERED = FrameFormat("numbered", lambda told: told.text)  # type: ignore[attr-defined]


def watcher() -> Watcher:
    return Watcher(None, None, lambda _records: SnapshotPage([], None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (WatchEnd.FINISHED, 1000),
        (WatchEnd.REVOKED, 1008),
        (WatchEnd.SIGNED_OUT, 1008),
        (WatchEnd.BEHIND, 1013),
        (WatchEnd.STOPPED, 1012),
    ],
)
async def test_the_close_code_is_the_reason(end: WatchEnd, code: int) -> None:
    socket = Socket()
    await serve(socket.opened(), Frames(2, end), watcher(), NUMBERED)  # type: ignore[arg-type]

    assert socket.message_types() == ["websocket.accept", "websocket.send", "websocket.send", "websocket.close"]
    assert socket.hears[-1]["code"] == code
    assert len(socket.hears[-1]["reason"].encode()) < 124


async def test_a_client_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    monkeypatch.setattr(serving, "SEND_LIMIT_S", 0.01)
    socket, seen = Socket(takes=never), watcher()
    await asyncio.wait_for(serve(socket.opened(), Frames(5), seen, NUMBERED), 60)  # type: ignore[arg-type]

    assert socket.message_types() == ["websocket.accept", "websocket.send"]
    assert seen.end is WatchEnd.LEFT


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("after sending 'websocket.close'")])
async def test_a_socket_that_is_closed_already_is_no_fault(error: Exception) -> None:
    async def gone(message: dict[str, Any]) -> None:
        if message["type"] in {"websocket.send", "websocket.close"}:
            raise error

    socket, seen = Socket(takes=gone), watcher()
    await serve(socket.opened(), Frames(5), seen, NUMBERED)  # type: ignore[arg-type]
    other = Socket(takes=gone)
    await serve(other.opened(), Frames(0), watcher(), NUMBERED)  # type: ignore[arg-type]

    assert seen.end is WatchEnd.LEFT
    assert socket.message_types() == ["websocket.accept", "websocket.send"]
    assert other.message_types() == ["websocket.accept", "websocket.close"]


async def test_a_client_that_goes_ends_its_watch() -> None:
    socket, seen = Socket(), watcher()

    class Waiting:
        async def changes(self, watcher: Watcher) -> Any:
            socket.says.put_nowait({"type": "websocket.receive", "text": "nothing of interest"})
            socket.says.put_nowait({"type": "websocket.disconnect", "code": 1001})
            while watcher.end is None:
                await watcher.wait()
            return
            yield

    await asyncio.wait_for(serve(socket.opened(), Waiting(), seen, NUMBERED), 60)  # type: ignore[arg-type]

    assert seen.end is WatchEnd.LEFT
    assert socket.message_types() == ["websocket.accept"]


async def _watched(scope: Any, receive: Any, send: Any) -> None:
    await serve(WebSocket(scope, receive, send), Frames(1), watcher(), NUMBERED)  # type: ignore[arg-type]


async def _refused(scope: Any, receive: Any, send: Any) -> None:
    await WebSocket(scope, receive, send).send_denial_response(answer(Refusal(Code.FORBIDDEN, "no", suggestion="")))


@pytest.mark.parametrize("app", [_watched, _refused])
async def test_a_client_that_goes_before_it_is_answered_is_no_fault(app: Any) -> None:
    """As a browser does that leaves a page at once. ASGI servers raise an OSError then."""

    async def gone(_message: dict[str, Any]) -> None:
        raise OSError

    socket = Socket(takes=gone)
    with capture_logs() as logged:
        await Trace(app, lambda _scope, refusal: answer(refusal))(
            {**SCOPE, "headers": []}, socket.says.get, socket.send
        )

    assert [(entry["event"], entry["log_level"]) for entry in logged] == [("client disconnected", "debug")]


@pytest.mark.parametrize("accepted", ["before", "after"])
async def test_an_internal_error_is_sent_as_envelope_or_close_code(accepted: str) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if accepted == "after":
            await send({"type": "websocket.accept"})
        raise ZeroDivisionError

    socket = Socket()
    with capture_logs() as logged:
        await Trace(broken, lambda _scope, refusal: answer(refusal))(
            {**SCOPE, "headers": []}, socket.says.get, socket.send
        )

    assert [entry["event"] for entry in logged] == ["unhandled exception in request"]
    if accepted == "after":
        assert socket.hears[-1] == {"type": "websocket.close", "code": 1011}
    else:
        start, body = socket.hears
        assert (start["type"], start["status"]) == ("websocket.http.response.start", 500)
        assert json.loads(body["body"])["code"] == Code.UNKNOWN


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"authorization", b"Bearer tsk_a")], "Bearer tsk_a"),
        ([(b"sec-websocket-protocol", b"limner, limner.key.tsk_b")], "Bearer tsk_b"),
        ([(b"authorization", b"Bearer tsk_a"), (b"sec-websocket-protocol", b"limner.key.tsk_b")], "Bearer tsk_a"),
        ([(b"sec-websocket-protocol", b"chat, superchat")], None),
        ([], None),
    ],
)
def test_the_key_is_in_a_header_or_among_the_protocols(headers: list[tuple[bytes, bytes]], found: str | None) -> None:
    assert credentials(Socket().opened(*headers)) == found


# --- since --------------------------------------------------------------------------------------------------------

MOMENT = int(datetime(2026, 11, 24, 19, 20, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T19:20:30Z",
        "2026-11-24T20:20:30+01:00",
        "2026-11-24T20:20:30 01:00",
        "2026-11-24 20:20:30 01:00",
        "2026-11-24T13:50:30-05:30",
        "2026-11-24T20:20:30+0100",
        "20261124T192030Z",
        "2026-11-24T19:20:30.000Z",
    ],
)
def test_a_time_is_understood_in_every_form_of_iso_8601(text: str) -> None:
    assert read_since(text) == MOMENT


def test_milliseconds_count_and_what_is_before_1970_is_the_beginning() -> None:
    assert read_since("2026-11-24T19:20:30.123999Z") == MOMENT + 123
    assert read_since("0001-01-01T00:00:00Z") == 0
    assert read_since("9999-12-31T23:59:59-23:59") > MOMENT


@pytest.mark.parametrize("text", ["", " ", "now", "2026-11-24", "2026-11-24T19:20:30", "1795333000", "T", "\0", "画"])
def test_what_is_no_time_or_has_no_offset_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_since(text)

    assert (refused.value.code, refused.value.field) == (Code.INVALID, "since")
