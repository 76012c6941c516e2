"""A PostgreSQL server for tests, in a temporary folder, from the installed programs."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

OWNER = "limner"
START_LIMIT_S = 60
STOP_LIMIT_S = 30


class PostgresFailedError(Exception):
    """The server did not start, or `initdb` failed."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, reached through a socket file in `folder`."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{OWNER}@/{database}?host={quote(str(self.folder), safe='')}"

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The name of a new copy of `template`, which is dropped afterwards even if connections are open."""
        name = f"test_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=OWNER, dbname=database, autocommit=True)


def find_programs() -> Path | None:
    """Find the folder that holds `initdb` and `postgres`: Debian's newest, else wherever `pg_ctl` on PATH lives."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    on_path = [Path(found).resolve().parent] if (found := shutil.which("pg_ctl")) else []
    return next((folder for folder in (*debian, *on_path) if _is_complete(folder)), None)


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """Run a server until the block is left; on Linux it also ends when this process is killed."""
    identity = server_identity()
    folder = Path(tempfile.mkdtemp(prefix="limner-pg-"))
    try:
        if identity:
            shutil.chown(folder, identity["user"], identity["group"])
        _initialise(programs, folder, identity)
        with _process(programs, folder, identity) as process:
            _wait_until_ready(process, server := Server(folder))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RestartableServer:
    """A server that can be stopped without a checkpoint and started again on the same data."""

    server: Server
    _programs: Path
    _identity: dict[str, Any]
    _life: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        process = self._life.enter_context(_process(self._programs, self.server.folder, self._identity))
        _wait_until_ready(process, self.server)

    def stop(self) -> None:
        self._life.close()


@contextmanager
def restartable_server(programs: Path) -> Iterator[RestartableServer]:
    """Like `running_server`, for tests that stop their database."""
    identity = server_identity()
    folder = Path(tempfile.mkdtemp(prefix="limner-pg-"))
    try:
        if identity:
            shutil.chown(folder, identity["user"], identity["group"])
        _initialise(programs, folder, identity)
        made = RestartableServer(Server(folder), programs, identity)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def server_identity() -> dict[str, Any]:
    """PostgreSQL does not run as root: then it runs as the user `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _initialise(programs: Path, folder: Path, identity: dict[str, Any]) -> None:
    options = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
    made = subprocess.run(
        [programs / "initdb", f"--username={OWNER}", *options, "--pgdata", folder / "data"],
        **identity,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise PostgresFailedError(made.stderr)


@contextmanager
def _process(programs: Path, folder: Path, identity: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*dies_with_parent(), *command],
            **identity,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C must reach pytest only, which still drops databases
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGQUIT)  # immediate shutdown: no checkpoint is needed
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)
        process.kill()
        process.wait()


def dies_with_parent() -> list[str]:
    """What to put before a command so that its process ends when the thread that starts it does, however that dies."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT"] if setpriv else []


def _wait_until_ready(process: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(psycopg.OperationalError):
            server.connect("postgres").close()
            return
        time.sleep(0.02)
    raise PostgresFailedError((server.folder / "log").read_text(errors="replace"))
