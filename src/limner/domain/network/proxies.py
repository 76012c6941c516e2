"""Finds the client address of requests that came through proxies."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_LONGEST = 100
"""Characters of an address with its zone; what is longer is none, and is not remembered."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Networks of proxies whose X-Forwarded-For is trusted."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """Parse comma-separated addresses and networks. Raises `ValueError`."""
        return cls(tuple(ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()))

    def client(self, peer: str | None, forwarded: Sequence[str]) -> Address | None:
        """The client's address: the last one that is not a trusted proxy; None if it is unknown.

        `forwarded` are the values of X-Forwarded-For in order. Clients can forge the beginning, so it is read from the
        end, up to the first untrusted address.
        """
        address = _address(peer)
        addresses = [each.strip() for value in forwarded for each in value.split(",")]
        while address and self._trusts(address) and addresses:
            address = _address(addresses.pop())
        return address

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def client_network(address: Address) -> str:
    """The network that one client controls: an IPv4 address, or the /64 of an IPv6 address."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str | None) -> Address | None:
    return _parsed(text) if text and len(text) <= _LONGEST else None


@lru_cache(1024)
def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
