"""A WebSocket client as cheap as can be, to hold thousands of watches open: it shakes hands and counts frames."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass(eq=False)
class Socket(asyncio.Protocol):
    """One watch. Each frame is kept as when it came, and its text where `keeps` says so.

    `key` is a key, or the cookie of a session with its name, as a browser sends it.
    """

    path: str
    key: str
    keeps: bool = False
    came: list[float] = field(default_factory=list)
    texts: deque[bytes] = field(default_factory=deque)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    _buffer: bytearray = field(default_factory=bytearray)
    _open: bool = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        lines = [f"GET {self.path} HTTP/1.1", "Host: bench", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}"]
        browser = "=" in self.key
        lines += ["Origin: http://bench", f"Cookie: {self.key}"] if browser else [f"Authorization: Bearer {self.key}"]
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), bytes(self._buffer)
            self._open, self._buffer = True, rest
            self.opened.set()
        while self._frame():
            pass

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        self.closed.set()
        self.news.set()

    async def frames(self, many: int) -> None:
        """Wait until so many frames came."""
        while len(self.came) < many:
            assert not self.closed.is_set(), "the watch was closed"
            self.news.clear()
            await self.news.wait()

    def _frame(self) -> bool:
        """Take one frame out of the buffer; whether there was one."""
        head = 2
        if len(self._buffer) < head:
            return False
        length = self._buffer[1]
        if length == 126:
            head, length = 4, int.from_bytes(self._buffer[2:4], "big")
        elif length == 127:
            head, length = 10, int.from_bytes(self._buffer[2:10], "big")
        if len(self._buffer) < head + length:
            return False
        kind, text = self._buffer[0] & 15, bytes(self._buffer[head : head + length])
        del self._buffer[: head + length]
        if kind == 1:
            self.came.append(time.perf_counter())
            self.texts.append(text) if self.keeps else None
            self.news.set()
        if kind == 8:
            self.transport.close()
        if kind == 9:
            self.transport.write(bytes((0x8A, 0x80 | len(text), 0, 0, 0, 0)) + text)
        return True


async def connect(port: int, path: str, key: str, *, keeps: bool = False) -> Socket:
    _, socket = await asyncio.get_running_loop().create_connection(lambda: Socket(path, key, keeps), "127.0.0.1", port)
    return socket
