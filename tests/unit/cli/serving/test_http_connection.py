"""The timers of a connection, on a socket, without a server's start."""

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from limner.cli.serving.http_connection import ConnectionTimeouts, HttpConnection, connections

TIMEOUT_S = 60


async def answers(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_a_connection_that_was_reset_while_idle_leaves_no_timer() -> None:
    config = uvicorn.Config(answers, timeout_keep_alive=TIMEOUT_S, lifespan="off", log_config=None)
    config.load()
    state, made = ServerState(), asyncio.get_running_loop().create_future()

    def protocol() -> HttpConnection:
        connection = connections(ConnectionTimeouts(TIMEOUT_S, 10))(config, state, {})
        made.set_result(connection)
        return connection

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: limner\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        connection = await made
        waiting = connection.timeout_keep_alive_task
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        async with asyncio.timeout(TIMEOUT_S):
            while state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)

    assert answer.startswith(b"HTTP/1.1 204")
    assert waiting is not None
    assert connection.timeout_keep_alive_task is None
