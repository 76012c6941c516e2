"""Ctrl-C on a real terminal: its signal reaches the command and every process that it has started."""

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from serving import OURS

ENDS_WITHIN_S = 60
TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Makes standard input the controlling terminal of a new session, then becomes the command."""


def interrupted(command: list[str], until: bytes, folder: Path, **settings: str) -> tuple[int, str]:
    """The exit code, and what stands on the terminal, of a command whose user presses Ctrl-C after `until`."""
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
            os.write(terminal, b"\x03")
            pressed = True
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
