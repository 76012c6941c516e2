"""uvicorn, as `limner serve` runs it."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from limner.cli.serving.http_connection import ConnectionTimeouts, connections

_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate to serve with, its chain behind it, and its key: PEM files both."""

    cert: Path
    key: Path

    def check(self) -> None:
        """Raises `ValueError`, in words for the operator, when they cannot be served with."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key, password=_no_passphrase)
        except OSError as error:  # as are TLS's own
            why = error.strerror if error.filename or not isinstance(error, ssl.SSLError) else error.reason
            raise ValueError(f"cannot serve HTTPS with {self.cert} and {self.key}: {why or error}") from error


def _no_passphrase() -> str:
    raise ValueError("the TLS key is encrypted, and Limner cannot ask for its passphrase: store it without one")


class Sockets(WebSocketsSansIOProtocol):
    """A WebSocket that lets go of a client which neither reads nor answers, and takes a refusal for an answer."""

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # closing waits until all was sent, which will never be

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # uvicorn 0.54 forgets, and complains of the application


class UvicornServer(uvicorn.Server):
    """Calls `when_ready` once it listens.

    The first signal to stop runs `drain`, while requests are still answered, and then stops the server. A second
    signal stops it at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        when_ready: Callable[[], None],
        timeouts: ConnectionTimeouts,
        tls: Tls | None,
        drain: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=connections(timeouts),
                ws=Sockets,
                ws_max_size=16 * 1024,  # a watcher has nothing to say
                ws_per_message_deflate=False,  # would cost each watcher 64 KiB, and a frame is one segment anyway
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=10,
                ssl_certfile=tls.cert if tls else None,
                ssl_keyfile=tls.key if tls else None,
            )
        )
        self._when_ready = when_ready
        self._drain = drain
        self._draining: asyncio.Task[None] | None = None
        logging.getLogger("uvicorn.error").addFilter(self._is_news)

    def _is_news(self, record: logging.LogRecord) -> bool:
        """Whether to log what uvicorn says: not that a stop cancels what is cut off, with a traceback for each."""
        cancelled = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not self.should_exit or not (cancelled or "CancelledError" in record.getMessage())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain_and_exit(sig, frame))
        else:
            self.should_exit = self.force_exit = True

    async def _drain_and_exit(self, sig: int, frame: FrameType | None) -> None:
        try:
            await self._drain()
        finally:
            super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn raises the signal again when it is done; a stop that was asked for is no failure."""
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in _STOPS:
                loop.remove_signal_handler(number)
