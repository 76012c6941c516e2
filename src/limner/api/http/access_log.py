"""The access log: one line for each request or WebSocket, when it ends. Paths are logged without their query."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner.api.http.authentication import account_of

log = structlog.get_logger()


class AccessLog:
    """Logs method, path, status, duration, account and trace id. The status is 0 if no response was started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        status, begun_s = 0, time.perf_counter()

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            log.info(
                "request",
                method=scope.get("method", "GET"),
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - begun_s) * 1000, 1),
                account=account_of(scope),
                trace=scope.get("trace"),
            )
