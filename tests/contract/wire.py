"""HTTP by hand, for requests that no client library would send."""

import contextlib
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from contract.client import BASE, TIMEOUT_S
from serving import Served


@dataclass
class Wire:
    """One connection. `key` signs what `head` writes."""

    socket: socket.socket
    key: str | None
    came: bytes = b""
    """What was read beyond the last answer."""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, method: str, path: str, *headers: str, auth: bool = True) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: limner", *headers]
        lines += [f"Authorization: Bearer {self.key}"] if auth and self.key else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def post(self, *headers: str, path: str = f"{BASE}/task", auth: bool = True) -> bytes:
        return self.head("POST", path, "Content-Type: application/json", *headers, auth=auth)

    def rest(self) -> bytes:
        """All that comes until the server closes the connection."""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                self.came += piece
        return self.came

    def answer(self) -> bytes:
        """One answer, its head and its body; what there is of it when the connection closes."""
        while (end := self._end()) is None or len(self.came) < end:
            piece = self.socket.recv(65536)
            if not piece:
                break
            self.came += piece
        answer, self.came = self.came[:end], self.came[end:] if end else b""
        return answer

    def _end(self) -> int | None:
        head, blank, _ = self.came.partition(b"\r\n\r\n")
        if not blank:
            return None
        fields, start = head.lower(), len(head) + 4
        if b"\r\ntransfer-encoding: chunked" in fields:
            return _end_of_chunks(self.came, start)
        return start + int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0])

    def was_hung_up(self) -> bool:
        """Wait until the server has hung up, without taking anything of what it sent."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(TIMEOUT_S * 1000))

    def trickle(self, piece: bytes) -> bytes:
        """Send a piece again and again, with a short pause, until the server has had enough; what it said last."""
        self.socket.settimeout(0.1)
        came = b""
        with contextlib.suppress(ConnectionError):
            while True:
                self.send(piece)
                with contextlib.suppress(TimeoutError):
                    if not (said := self.socket.recv(65536)):
                        break
                    came += said
        return came


def content_of(answer: bytes) -> bytes:
    """The body of an answer, without the sizes of its chunks."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return _joined(body) if b"\r\ntransfer-encoding: chunked" in head.lower() else body


def _joined(chunks: bytes) -> bytes:
    whole = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        whole += chunks[: int(size, 16)]
        chunks = chunks[int(size, 16) + 2 :]
    return whole


def _end_of_chunks(came: bytes, at: int) -> int | None:
    """Where a body in chunks ends that begins `at`; None before its last chunk has come."""
    while (line := came.find(b"\r\n", at)) >= 0:
        size = int(came[at:line], 16)
        at = line + 2 + size + 2
        if size == 0:
            return at if len(came) >= at else None
    return None


@contextlib.contextmanager
def wire(served: Served, *, receive_buffer: int | None = None) -> Iterator[Wire]:
    where = urlsplit(served.url)
    assert where.hostname
    assert where.port
    with socket.socket() as connection:
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(TIMEOUT_S)
        connection.connect((where.hostname, where.port))
        yield Wire(connection, served.key)


def status(answer: bytes) -> int:
    """0 when there was none."""
    return int(answer[9:12] or 0)
