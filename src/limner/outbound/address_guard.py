"""The last look at an address, taken on the very socket that is about to be connected to it.

Names are resolved by then, so a name that answers differently the second time gains nothing.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

from limner.domain.network.ip_address import is_public
from limner.outbound.allowlist import FetchAllow

# The client hands its socket factory an address and no name; the name travels beside it. Without one, which no
# path of ours leads to, only public addresses pass.
_host: ContextVar[str] = ContextVar("limner_dialled_host", default="")


class RefusedAddressError(OSError):
    """The name does not lead to a public address."""

    def __init__(self, address: str) -> None:
        # The message keeps the address to itself: an inside address is nothing to tell a stranger.
        super().__init__("not a public address")
        self.address = address


@contextmanager
def dialling(host: str) -> Iterator[None]:
    """Within the block sockets are opened on behalf of `host`."""
    token = _host.set(host)
    try:
        yield
    finally:
        _host.reset(token)


class Guard:
    """Opens sockets to public addresses, and to those on the operator's list."""

    def __init__(self, allow: FetchAllow) -> None:
        self._allow = allow

    def open_socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """A socket for one of getaddrinfo's rows, which becomes the peer; `RefusedAddressError` otherwise."""
        family, kind, protocol, _, (address, port, *_rest) = info
        self.judge(str(address), int(port))
        return socket.socket(family, kind, protocol)

    def judge(self, address: str, port: int) -> None:
        parsed = ip_address(address)
        if not is_public(parsed) and not self._allow.permits(_host.get(), parsed, port):
            raise RefusedAddressError(address)
