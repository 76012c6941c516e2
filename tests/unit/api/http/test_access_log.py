from typing import Any

from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from limner.api.http.access_log import AccessLog


async def call(scope: Scope, *messages: dict[str, Any]) -> Any:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["trace"] = "trace-1"
        for message in messages:
            await send(message)

    async def receive() -> dict[str, Any]:
        return {}

    async def send(_message: Any) -> None: ...

    with capture_logs() as logged:
        await AccessLog(app)(scope, receive, send)
    return logged


async def test_a_request_is_logged_with_its_status_and_without_its_query() -> None:
    scope = {"type": "http", "method": "GET", "path": "/files/a.png", "query_string": b"signature=secret"}

    (entry,) = await call(scope, {"type": "http.response.start", "status": 206})

    assert entry["event"] == "request"
    assert (entry["method"], entry["path"], entry["status"], entry["trace"]) == ("GET", "/files/a.png", 206, "trace-1")
    assert entry["duration_ms"] >= 0
    assert "secret" not in str(entry)


async def test_a_websocket_is_logged_when_it_ends() -> None:
    (entry,) = await call({"type": "websocket", "path": "/watch"}, {"type": "websocket.accept"})

    assert (entry["path"], entry["status"]) == ("/watch", 101)


async def test_the_lifespan_is_not_logged() -> None:
    assert await call({"type": "lifespan"}) == []
