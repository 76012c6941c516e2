"""The operator's allowlist of non-public hosts and networks."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self

from limner.domain.network.ip_address import Address, unmapped

_PORT = re.compile(r"^(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5})$")
_NAME = re.compile(r"^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$")


@dataclass(frozen=True, slots=True)
class AllowlistEntry:
    """A host name or a network, at one port or at every port."""

    target: str | IPv4Network | IPv6Network
    port: int | None = None

    def covers(self, host: str, address: Address | None, port: int) -> bool:
        if self.port not in {None, port}:
            return False
        if isinstance(self.target, str):
            return host.removesuffix(".").lower() == self.target
        return address is not None and unmapped(address) in self.target


@dataclass(frozen=True, slots=True)
class FetchAllow:
    """An empty list, the default, permits the public internet only.

    A listed name is permitted at any address it resolves to.
    """

    entries: tuple[AllowlistEntry, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `"127.0.0.1:8123, intranet.example, 10.1.0.0/16, [::1]:80"`; ValueError names a bad entry."""
        words = (word.strip().lower() for word in text.split(","))
        return cls(tuple(_entry(word) for word in words if word))

    def permits(self, host: str, address: Address | None, port: int) -> bool:
        """Whether `host`, at `address` where that is known, is on the list."""
        return any(entry.covers(host, address, port) for entry in self.entries)


def _entry(word: str) -> AllowlistEntry:
    found = _PORT.match(word)
    host, port = (found["host"], int(found["port"])) if found else (word, None)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{word!r} has no port between 1 and 65535")
    return AllowlistEntry(_target(host.strip("[]"), word), port)


def _target(host: str, word: str) -> str | IPv4Network | IPv6Network:
    try:
        return ip_network(host)
    except ValueError as error:
        # A name whose last label is digits is a mistyped address.
        if _NAME.match(host) and not host.rpartition(".")[2].isdigit():
            return host
        raise ValueError(f"{word!r} is not a host, host:port or network: {error}") from error
