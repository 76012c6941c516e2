"""Limner as systemd runs it: readiness, watchdog, a socket that outlives restarts, and units with few rights."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postgres import dies_with_parent
from serving import OURS

AS_SYSTEMD = """
import ctypes, os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
if "REFUSE_EXEC_GAIN" in os.environ:
    assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE, which MemoryDenyWriteExecute= stands for
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What systemd does between fork and exec."""


class Notified:
    """A socket like systemd's, and what was said to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(120)

    def until(self, state: str) -> None:
        while state not in self._socket.recv(4096).decode().splitlines():
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[Notified]:
    made = Notified(tmp_path)
    yield made
    made.close()


@contextmanager
def started(
    *arguments: str, data: Path, notified: Notified, listener: socket.socket | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A service that systemd would call ready."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    own = {"LIMNER_ENGINE": "sandbox", "LIMNER_DATA": str(data), "NOTIFY_SOCKET": str(notified.path), **variables}
    program = [sys.executable, "-c", AS_SYSTEMD, sys.executable, "-m", "limner", *arguments]
    if listener:
        # The third descriptor is the first that systemd hands over.
        program = ["bash", "-c", f'exec "$@" 3<&{listener.fileno()}', "bash", *program]
        own["LISTEN_FDS"] = "1"
    process = subprocess.Popen(
        [*dies_with_parent(), *program], env=kept | own, pass_fds=[listener.fileno()] if listener else []
    )
    try:
        notified.until("READY=1")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        notified.until("STOPPING=1")
        assert process.wait(60) == 0


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=["serve", "worker"])
def test_a_service_says_that_it_is_ready_alive_and_stopping(
    command: tuple[str, ...], notified: Notified, tmp_path: Path
) -> None:
    with started(*command, data=tmp_path / "data", notified=notified, WATCHDOG_USEC="200000"):
        notified.until("WATCHDOG=1")
        notified.until("WATCHDOG=1")


def test_no_request_is_refused_while_a_service_restarts_behind_a_kept_socket(
    notified: Notified, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, over, statuses = listener.getsockname()[1], threading.Event(), list[int]()

        def asks() -> None:
            while not over.is_set():
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                connection.request("GET", "/healthz", headers={"Connection": "close"})
                statuses.append(connection.getresponse().status)
                connection.close()

        with started("serve", data=tmp_path / "data", notified=notified, listener=listener):
            asking = threading.Thread(target=asks)
            asking.start()
        answered = len(statuses)
        with started("serve", data=tmp_path / "data", notified=notified, listener=listener):
            over.set()
            asking.join(120)

    assert set(statuses) == {200}
    assert len(statuses) > answered


def test_a_picture_is_made_where_no_memory_may_become_executable(notified: Notified, tmp_path: Path) -> None:
    with started(
        "serve", "--port", "0", data=tmp_path / "data", notified=notified, REFUSE_EXEC_GAIN="1", LIMNER_ENGINE="builtin"
    ):
        made = subprocess.run(
            [sys.executable, "-c", AS_SYSTEMD, sys.executable, "-m", "limner", "generate", "a cat", "-o", "cat.png"],
            env=os.environ | {"REFUSE_EXEC_GAIN": "1", "LIMNER_DATA": str(tmp_path / "data")},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    assert made.returncode == 0
    assert (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG")


PROGRAM = ("--program", "/bin/true")
"""A program that a unit may name: the checkout may be in a home folder, which is hidden from services."""


def limner(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "limner", "service", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=check,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    limner("install", "serve", "api", "worker", "--listen", "[::1]:8080", *PROGRAM, "--root", str(tmp_path))
    return tmp_path


def test_installed_units_are_valid_and_expose_little(root: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Debian's package `systemd` brings systemd-analyze")
    units = sorted(map(str, (root / "etc/systemd/system").iterdir()))
    services = [unit for unit in units if unit.endswith(".service")]

    verified = subprocess.run([analyse, "verify", *units], capture_output=True, text=True, check=False)
    secured = [
        subprocess.run(
            [analyse, "security", "--offline=true", "--threshold=25", service], capture_output=True, check=False
        )
        for service in services
    ]

    assert [Path(unit).name for unit in units] == [
        "limner-api.service",
        "limner-api.socket",
        "limner-worker@.service",
        "limner.service",
        "limner.socket",
    ]
    assert (verified.returncode, verified.stderr) == (0, "")
    assert [each.returncode for each in secured] == [0, 0, 0]
    assert "ListenStream=[::1]:8080" in (root / "etc/systemd/system/limner.socket").read_text()


def test_secrets_are_for_root_alone_and_a_second_installation_keeps_them(root: Path) -> None:
    secrets = root / "etc/limner/limner.env"
    secrets.write_text("OPENAI_API_KEY=mine\n")

    limner("install", *PROGRAM, "--root", str(root))

    assert secrets.stat().st_mode & 0o777 == 0o600
    assert secrets.read_text() == "OPENAI_API_KEY=mine\n"


def test_removal_leaves_settings_and_what_others_wrote(root: Path) -> None:
    units = root / "etc/systemd/system"
    (units / "limner-api.service").write_text("[Service]\nExecStart=/bin/true\n")

    refused = limner("install", "api", *PROGRAM, "--root", str(root), check=False)
    limner("remove", "--root", str(root))

    assert refused.returncode == 1
    assert "limner-api.service" in json.loads(refused.stdout)["error"]["reason"]
    assert [each.name for each in units.iterdir()] == ["limner-api.service"]
    assert (root / "etc/limner/limner.env").exists()
