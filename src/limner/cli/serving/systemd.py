"""What a service says to systemd and takes from it: readiness, a watchdog, and sockets that outlive restarts.

The protocols are those of sd_notify(3) and sd_listen_fds(3). Without systemd's variables nothing happens.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

FIRST_FD = 3
"""The number of the first socket that systemd hands over."""


def notify(*states: str) -> None:
    """Tell systemd `READY=1`, `STOPPING=1`, `STATUS=...`. An absent or deaf systemd is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract address
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto("\n".join(states).encode(), address)


def inherited_listener() -> socket.socket | None:
    """The listening socket that systemd opened for this process; None where it opened none.

    Raises `ValueError` when it opened several, of which all but one would never be served, or none for TCP.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = int(os.environ.get("LISTEN_FDS", "0"))
    if count > 1:
        raise ValueError(f"systemd handed over {count} sockets, and Limner serves one: write one ListenStream")
    if count == 0:
        return None
    os.set_inheritable(FIRST_FD, False)
    listener = socket.socket(fileno=FIRST_FD)
    if listener.family not in {socket.AF_INET, socket.AF_INET6}:
        raise ValueError("systemd handed over a socket that is not TCP: write an address and a port in ListenStream")
    return listener


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """Tell systemd's watchdog, twice in its time, that this event loop turns."""
    every_s = _watchdog_s() / 2
    if not every_s:
        yield
        return
    task = asyncio.create_task(_keep_telling(every_s))
    try:
        yield
    finally:
        task.cancel()


def _watchdog_s() -> float:
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6


async def _keep_telling(every_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
