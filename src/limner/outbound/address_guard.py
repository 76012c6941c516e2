"""Refuses connections to private addresses (SSRF).

The resolved address is checked when a socket is opened for it, which prevents DNS rebinding.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

from limner.domain.network.ip_address import is_public
from limner.outbound.allowlist import FetchAllow

# aiohttp passes its socket factory an address without the host name; the allowlist needs both.
_host: ContextVar[str] = ContextVar("limner_dialled_host", default="")


class RefusedAddressError(OSError):
    """The host resolved to a non-public address."""

    def __init__(self, address: str) -> None:
        # The message omits the address: callers must not learn internal addresses.
        super().__init__("not a public address")
        self.address = address


@contextmanager
def connecting_to(host: str) -> Iterator[None]:
    """Sockets opened in the block are checked for `host`."""
    token = _host.set(host)
    try:
        yield
    finally:
        _host.reset(token)


class AddressGuard:
    """Socket factory that permits public and allowlisted addresses only."""

    def __init__(self, allow: FetchAllow) -> None:
        self._allow = allow

    def open_socket(self, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        """A socket for one row of getaddrinfo. Raises `RefusedAddressError`."""
        family, kind, protocol, _, (address, port, *_rest) = info
        self.check(str(address), int(port))
        return socket.socket(family, kind, protocol)

    def check(self, address: str, port: int) -> None:
        parsed = ip_address(address)
        if not is_public(parsed) and not self._allow.permits(_host.get(), parsed, port):
            raise RefusedAddressError(address)
