"""An S3 server on loopback, for tests of object storage."""

import contextlib
import os
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postgres import dies_with_parent

TIMEOUT_S = 60
BUCKET = "pictures"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server with one empty bucket; `folder` contains the bucket's objects as files."""

    endpoint: str
    folder: Path

    @property
    def url(self) -> str:
        """The value for `LIMNER_STORAGE_URL`."""
        return f"s3://{BUCKET}/limner"

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with the address and the credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "an-access-key",
            "AWS_SECRET_ACCESS_KEY": "a-secret-key",
            "AWS_REGION": "us-east-1",
        }


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    (folder / BUCKET).mkdir()
    port = _free_port()
    command = [sys.executable, "-m", "nanio", "serve", "--data-dir", str(folder)]
    keys = {"NANIO_ACCESS_KEY": "an-access-key", "NANIO_SECRET_KEY": "a-secret-key"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*dies_with_parent(), *command, "--host", "127.0.0.1", "--port", str(port), "--no-access-log"],
            env=os.environ | keys,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(process, f"http://127.0.0.1:{port}")
            yield S3Server(f"http://127.0.0.1:{port}", folder / BUCKET)
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


@contextlib.contextmanager
def dropping(endpoint: str, *, after: int) -> Iterator[tuple[str, list[int]]]:
    """A way to `endpoint` whose first connection is reset after so many bytes of responses.

    Gives its address, and a list of the bytes that the connection had carried when it was reset.
    """
    target = ("127.0.0.1", int(endpoint.rpartition(":")[2]))
    reset: list[int] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(target) as upstream:
                threading.Thread(target=_forward, args=(self.request, upstream), daemon=True).start()
                carried = 0
                while received := upstream.recv(65536):
                    left = len(received) if reset else max(0, after - carried)
                    self.request.sendall(received[:left])
                    carried += left
                    if left < len(received):
                        reset.append(carried)
                        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", reset
        server.shutdown()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=TIMEOUT_S).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return  # the server answers an unsigned request with an error
        except OSError:
            assert process.poll() is None, "the S3 server ended before it was ready"
            assert time.monotonic() < deadline, "the S3 server was not ready in time"
            time.sleep(0.05)
        else:
            return
