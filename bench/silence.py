"""A name server that never answers, and the command that makes a process ask it.

The C library asks the servers of /etc/resolv.conf on port 53. A mount namespace gives a process a file of its own
there; to make one takes root, as port 53 does.
"""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

PORT = 53
_OWN_FILE = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


def possible() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


@contextlib.contextmanager
def silent_name_server(folder: Path) -> Iterator[Sequence[str]]:
    """Give the words to put before a command, so that what it starts asks a server that answers nothing."""
    file = folder / "resolv.conf"
    address = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"  # another run has another
    file.write_text(f"nameserver {address}\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, PORT))
        yield ["unshare", "--mount", "sh", "-c", _OWN_FILE, str(file)]
