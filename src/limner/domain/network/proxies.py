"""Whose request it is when it came through proxies."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Proxies whose word about a client's address is taken."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """From addresses and networks, separated by commas. Raises `ValueError` for what is neither."""
        return cls(tuple(ip_network(each.strip(), strict=False) for each in text.split(",") if each.strip()))

    def client(self, peer: str | None, forwarded: Sequence[str]) -> Address | None:
        """Who called: the last address that no proxy of ours vouches for; None when nobody can tell.

        `forwarded` are the values of X-Forwarded-For in their order. What a client wrote into it stands before what
        our proxies added, so it is read from its end, and no further than the first that is not ours.
        """
        address = _address(peer)
        told = [each.strip() for value in forwarded for each in value.split(",")]
        while address and self._trusts(address) and told:
            address = _address(told.pop())
        return address

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def client_network(address: Address) -> str:
    """What one client can call its own: an IPv4 address, or the /64 of an IPv6 address, in which it can take any."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str | None) -> Address | None:
    try:
        address = ip_address((text or "").strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
