"""Azurite, Microsoft's emulator of Azure's blob storage, on loopback, with one container.

It runs in Node, by the hashes in `requirements/clients/azurite/`.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from pathlib import Path

from clients.environments import LOCKS, NotInstalled, kept_folder, run_installer
from postgres import dies_with_parent

TIMEOUT_S = 60
CONTAINER = "pictures"
NO_AZURITE = "Azurite cannot be installed"

_ACCOUNT = "limner"
_KEY = base64.b64encode(b"a key of the tests, of this many").decode()
_LOCK = LOCKS / "azurite"
_VERSION = "2021-08-06"


@dataclass(frozen=True, slots=True)
class AzureServer:
    """A running emulator with one empty container."""

    port: int

    @property
    def url(self) -> str:
        """The value for `LIMNER_STORAGE_URL`."""
        return f"az://{CONTAINER}/limner"

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with the address and the credentials."""
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{self.port}/{_ACCOUNT}",
            "AZURE_ALLOW_HTTP": "true",
        }

    def make_container(self) -> int:
        """Returns the status of the answer."""
        date = formatdate(usegmt=True)
        signed = f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n/{_ACCOUNT}/{_ACCOUNT}/{CONTAINER}\nrestype:container"
        text = "PUT" + "\n" * 12 + signed
        digest = hmac.new(base64.b64decode(_KEY), text.encode(), hashlib.sha256).digest()
        authorization = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
        headers = {"x-ms-date": date, "x-ms-version": _VERSION, "Authorization": authorization}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("PUT", f"/{_ACCOUNT}/{CONTAINER}?restype=container", headers=headers)
            return connection.getresponse().status


@cache
def azurite() -> Path:
    """The folder with the emulator in `node_modules`; it is filled where it is not there yet. Raises `NotInstalled`."""
    if shutil.which("npm") is None:
        raise NotInstalled("npm is missing")
    digest = hashlib.sha256((_LOCK / "package-lock.json").read_bytes()).hexdigest()
    return kept_folder(f"azurite-{digest[:12]}", _install)


def _install(target: Path) -> None:
    shutil.copytree(_LOCK, target)
    run_installer(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], target, None)


@contextlib.contextmanager
def azure_server(folder: Path) -> Iterator[AzureServer]:
    program = azurite() / "node_modules" / ".bin" / "azurite-blob"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        server = AzureServer(int(probe.getsockname()[1]))
    options = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(server.port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*dies_with_parent(), str(program), *options, *where],
            env={"PATH": _path(), "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(process, server)
            yield server
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def _path() -> str:
    node = shutil.which("node")
    return f"{Path(node).parent if node else ''}:/usr/bin:/bin"


def _wait_for(process: "subprocess.Popen[bytes]", server: AzureServer) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            status = server.make_container()
        except OSError:
            assert process.poll() is None, "Azurite ended before it was ready"
            assert time.monotonic() < deadline, "Azurite was not ready in time"
            time.sleep(0.05)
        else:
            assert status == 201
            return
