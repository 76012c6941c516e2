"""An S3 server on loopback, for tests of object storage."""

import contextlib
import os
import socket
import subprocess
import sys
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
