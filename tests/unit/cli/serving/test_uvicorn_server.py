"""uvicorn's WebSockets, as `limner serve` has them."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from limner.cli.serving.uvicorn_server import Sockets

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TIMEOUT_S = 60


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """The port of a server that pings often and has short timeouts."""
    listener = socket.create_server(("127.0.0.1", 0))
    pings = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.05}
    config = uvicorn.Config(app, ws=Sockets, lifespan="off", log_config=None, timeout_graceful_shutdown=1, **pings)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.wait_for(running, TIMEOUT_S)


async def test_a_client_that_neither_reads_nor_answers_is_let_go() -> None:
    """However much waits to be sent to it: closing alone would wait for that."""
    ended = asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x" * 1_000_000})
        except OSError:
            ended.set()

    async with serving(app) as port:
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            stuck.connect(("127.0.0.1", port))
            stuck.sendall(HANDSHAKE)
            await asyncio.wait_for(ended.wait(), TIMEOUT_S)

    assert ended.is_set()


async def test_a_refused_handshake_is_no_fault_of_the_application(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"not here"})

    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE)
        answer = await asyncio.wait_for(reader.read(), TIMEOUT_S)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.endswith(b"not here")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
