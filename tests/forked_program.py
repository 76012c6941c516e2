"""A program named `limner` for shells: a fork of a process that has imported Limner runs each of its commands.

To import Limner takes a second of CPU, and the pages of the documentation have a hundred commands. The program passes
its arguments, variables, folder and standard streams on, then the signals that it gets, and exits as the command did.
"""

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from marshal import loads
from pathlib import Path
from typing import NoReturn

_LARGEST = 1 << 20
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

_PROGRAM = """#!{python} -IS
import marshal, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
for number in {signals!r}:
    signal.signal(number, lambda number, _: server.send(bytes([number])))
request = marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd()))
socket.send_fds(server, [request], [0, 1, 2])
code = server.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextlib.contextmanager
def forked_program(folder: Path, python: str) -> Iterator[Path]:
    """The folder of the program, made in `folder`, whose commands run in forks of `python`."""
    address = str(folder / "limner.socket")
    program = folder / "programs" / "limner"
    program.parent.mkdir(parents=True)
    signals = tuple(map(int, _SIGNALS))
    program.write_text(_PROGRAM.format(python=python, address=address, signals=signals))
    program.chmod(0o755)
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    server = subprocess.Popen([python, __file__, address], env=variables, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert server.stderr
        ready = server.stderr.readline()
        assert ready == b"ready\n", ready + server.stderr.read()
        yield program.parent
    finally:
        server.communicate()  # the end of its input is its end


def main(address: str) -> None:
    """Run a command for each connection, until the input ends."""
    lifeline = os.dup(0)
    import forked_imports  # noqa: F401, PLC0415 - by the program alone, not by the tests

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    os.write(2, b"ready\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that answer connections are waited for by nobody
    while lifeline not in select.select([listener, lifeline], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            os.close(lifeline)
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> NoReturn:
    """Fork the command, pass signals on to it, and answer how it ended."""
    request, streams, _, _ = socket.recv_fds(connection, _LARGEST, 3)
    command = os.fork()
    if command == 0:
        connection.close()
        _become(streams, *loads(request))  # noqa: S302 - from the tests' own program
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(command)
    while ended not in select.select([connection, ended], [], [])[0]:
        number = connection.recv(1)
        os.kill(command, number[0] if number else signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    code = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(BrokenPipeError):
        connection.send(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _become(streams: list[int], arguments: list[str], environment: dict[str, str], folder: str) -> NoReturn:
    """Take the place of a process that was started with these."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["limner", *arguments]
    os._exit(_exit_code())


def _exit_code() -> int:
    """Run the command. Nothing of what was imported is freed at its end, which would copy its pages."""
    from limner.__main__ import main as run  # noqa: PLC0415 - imported already, before the fork

    try:
        run()
    except SystemExit as exit_:
        if isinstance(exit_.code, str):
            raise
        return exit_.code or 0
    finally:
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
