"""`limner` commands in processes that are forked from one that has imported Limner.

To import Limner takes most of a second of CPU, and the tests run a thousand commands. A fork has a process id, signals,
pipes and an exit code like any other process. Tests of the start itself, and of kills at any step, start theirs anew.
"""

import atexit
import contextlib
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any
from unittest import mock


@dataclass
class ForkedCommand:
    """A running command, with the part of `subprocess.Popen` that tests use. `stdout` is a pipe with its text."""

    process: ForkServerProcess
    stdout: IO[str]

    @property
    def pid(self) -> int:
        assert self.process.pid
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if (code := self.process.exitcode) is None:
            raise subprocess.TimeoutExpired("limner", timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """What it prints until it ends; `timeout` is for the end."""
        printed = self.stdout.read()
        self.wait(timeout)
        return printed, None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    stderr: int | IO[Any] | None = None,
) -> ForkedCommand:
    """Start `limner ARGUMENTS` in `folder`; its errors go to `stderr`, by default to the tests' own."""
    reading, writing = os.pipe()
    errors = 2 if stderr is None else stderr if isinstance(stderr, int) else stderr.fileno()
    place = str(folder or Path.cwd())
    process = _context().Process(
        target=_run, args=(list(arguments), dict(environment), place, _Fd(writing), _Fd(errors))
    )
    try:
        with _started_alone:
            process.start()
    finally:
        os.close(writing)
    return ForkedCommand(process, os.fdopen(reading, encoding="utf-8"))


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `limner ARGUMENTS` in `folder` to its end."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        command = fork_command(arguments, environment, folder=folder, stderr=errors)
        with command.stdout:
            printed, _ = command.communicate()
        errors.seek(0)
        return subprocess.CompletedProcess(["limner", *arguments], command.wait(), printed, errors.read())


_started_alone = threading.Lock()
"""`multiprocessing` passes file descriptors by a list of the process that is being started."""


class _Fd:
    """A file descriptor that is passed to the process which it is an argument of."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (DupFd(self._fd),)


def _detached(duplicate: Any) -> int:
    fd: int = duplicate.detach()
    return fd


@functools.cache
def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["forked_imports"])
    # Pythons before 3.12.8 do not pass their path on.
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(Path(__file__).parent))))
    with mock.patch.dict(os.environ, PYTHONPATH=path):
        forkserver.ensure_running()
    return context


def _end_with_the_tests() -> None:
    """Servers of killed tests would run on: the fork server, their parent, lives as long as one of its forks."""
    tests = multiprocessing.parent_process()
    assert tests
    tests.join()
    os.kill(os.getpid(), signal.SIGQUIT)


def _run(arguments: list[str], environment: dict[str, str], folder: str, stdout: int, stderr: int) -> None:
    """In the fork: become the command."""
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["limner", *arguments]
    from limner.__main__ import main  # noqa: PLC0415 - imported already, in the fork server

    try:
        main()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        atexit._run_exitfuncs()
