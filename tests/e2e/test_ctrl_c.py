"""Ctrl-C on a real terminal: its signal reaches the command and every process that it has started."""

import os
import pty
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.client import BASE, Client
from serving import OURS

ENDS_WITHIN_S = 60
TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Makes standard input the controlling terminal of a new session, then becomes the command."""


def interrupted(
    command: list[str],
    until: bytes,
    folder: Path,
    again: bytes | None = None,
    meanwhile: Callable[[str], object] = lambda _: None,
    **settings: str,
) -> tuple[int, str]:
    """The exit code, and what stands on the terminal, of a command whose user presses Ctrl-C after `until`.

    `meanwhile` is called before that with what stands there; Ctrl-C is pressed once more after `again`.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *command],
        env=kept | {"NO_COLOR": "1", "LIMNER_DATA": str(folder / "data"), "HOME": str(folder)} | settings,
        cwd=folder,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    )
    os.close(inside)
    shown = b""
    pressed = False
    while part := _read(terminal):
        shown += part
        if not pressed and re.search(until, shown):
            meanwhile(shown.decode())
            os.write(terminal, b"\x03")
            pressed = True
        if again and re.search(again, shown):
            os.write(terminal, b"\x03")
            again = None
    os.close(terminal)
    assert pressed, shown
    return process.wait(ENDS_WITHIN_S), shown.decode()


def _read(terminal: int) -> bytes:
    assert select.select([terminal], [], [], ENDS_WITHIN_S)[0], "nothing more was printed"
    try:
        return os.read(terminal, 65536)
    except OSError:  # the last process on the terminal has ended
        return b""


ROOT = Path(__file__).parents[2]
LIMNER = [sys.executable, "-m", "limner"]


@pytest.mark.parametrize(
    ("command", "until", "codes"),
    [
        ([*LIMNER, "generate", "a knight and a dragon"], rb"\d%", {130}),
        ([*LIMNER, "serve", "--port", "0"], rb"is ready at", {0, 130}),
        ([sys.executable, str(ROOT / "scripts" / "demo.py")], rb"\d%", {130}),
    ],
    ids=["generate", "serve", "demo"],
)
def test_ctrl_c_ends_a_command_in_a_sentence(command: list[str], until: bytes, codes: set[int], tmp_path: Path) -> None:
    code, shown = interrupted(command, until, tmp_path)

    assert code in codes
    assert "Traceback" not in shown
    assert "Fatal Python error" not in shown
    if "generate" in command:
        assert re.search(r"limner tasks save [0-9a-f-]{36}", shown)


def test_a_second_ctrl_c_cuts_off_what_a_server_still_reads_without_a_traceback(tmp_path: Path) -> None:
    sending = socket.socket()

    def upload(shown: str) -> None:
        """A form that does not end, and a task that keeps the worker busy."""
        client = Client(re.findall(r"http://[\d.]+:\d+", shown)[0], re.findall(r"tsk_[\w-]+", shown)[0])
        client.submit()
        sending.connect((urlsplit(client.url).hostname, urlsplit(client.url).port))
        head = f"POST {BASE}/upload HTTP/1.1\r\nHost: limner\r\nAuthorization: Bearer {client.key}\r\n"
        kind = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        sending.sendall(f"{head}{kind}".encode())
        assert sending.recv(1000).startswith(b"HTTP/1.1 100")

    with sending:
        code, shown = interrupted(
            [*LIMNER, "serve", "--port", "0"],
            rb"server started",
            tmp_path,
            again=rb"Ctrl-C again stops at once",
            meanwhile=upload,
            LIMNER_ENGINE="sandbox",
            LIMNER_SANDBOX_DELAY_S="30",
        )

    assert code in {0, 130}
    assert "Traceback" not in shown
    assert "CancelledError" not in shown
