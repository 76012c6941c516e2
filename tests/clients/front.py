"""What stands before servers: a proxy that waits for a server that is away, and cuts what takes too long."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

WAIT_S = 60
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Front:
    """The address that clients use."""

    url: str


@contextlib.contextmanager
def front_of(port: int, *, cut_after_s: float | None = None) -> Iterator[Front]:
    """A proxy for a server on `port` of this machine. Every connection is cut `cut_after_s` after it was opened."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=_accept, args=(listening, port, cut_after_s), daemon=True)
        accepting.start()
        yield Front(f"http://127.0.0.1:{listening.getsockname()[1]}")


def _accept(listening: socket.socket, port: int, cut_after_s: float | None) -> None:
    with contextlib.suppress(OSError):  # closed, at the end of the test
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_relay, args=(client, port, cut_after_s), daemon=True).start()


def _relay(client: socket.socket, port: int, cut_after_s: float | None) -> None:
    with client, _connected(port) as server:
        if cut_after_s is not None:
            cutting = threading.Timer(cut_after_s, _cut, (client, server))
            cutting.daemon = True
            cutting.start()
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _connected(port: int) -> socket.socket:
    """A connection to the server, once it is there."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            target.sendall(data)
    _cut(source, target)


def _cut(*ends: socket.socket) -> None:
    for each in ends:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
