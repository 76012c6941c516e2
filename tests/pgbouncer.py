"""A real PgBouncer in transaction mode, before a PostgreSQL server of the tests."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from postgres import OWNER, Server, dies_with_parent, server_identity

NO_PGBOUNCER = "PgBouncer is not installed"
TIMEOUT_S = 60

_CONFIGURATION = """\
[databases]
* = host={server} port=5432 user={owner}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
server_round_robin = 1
admin_users = {owner}
"""


@dataclass(slots=True)
class PgBouncer:
    """`size` connections to the server for all clients, given to them in turn, a transaction each."""

    port: int
    folder: Path
    program: str
    identity: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def url(self, database: str) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        with (self.folder / "pgbouncer.log").open("ab") as log:
            command = [*dies_with_parent(), self.program, str(self.folder / "pgbouncer.ini")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **self.identity)
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url("postgres"), prepare_threshold=None).close()
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / "pgbouncer.log").read_text())

    def stop(self) -> None:
        """At once: clients lose their connections in the midst of their transactions."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(TIMEOUT_S)


def find_pgbouncer() -> str | None:
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


@contextlib.contextmanager
def pgbouncer(program: str, server: Server, folder: Path, *, size: int = 3) -> Iterator[PgBouncer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    identity = server_identity()  # like PostgreSQL it does not run as root
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(_CONFIGURATION.format(server=server.folder, owner=OWNER, port=port, size=size))
    if identity:
        for path in (folder, configuration):
            shutil.chown(path, identity["user"], identity["group"])
    made = PgBouncer(port, folder, program, identity)
    made.start()
    try:
        yield made
    finally:
        made.stop()
