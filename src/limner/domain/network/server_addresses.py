"""The addresses of several servers that are used as one: what is wrong with a list of them."""

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from urllib.parse import SplitResult, urlsplit

from limner.domain.network.ip_address import unmapped

MOST_SERVERS = 64

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CLOUDS_OWN = frozenset(map(ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
"""Azure's host agent; the metadata services of Alibaba and of AWS by IPv6. The others are link-local."""

_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal"})


def mistake_in_servers(urls: Sequence[str]) -> str | None:
    """What completes "the list ..."; None where all is well. Each is a web address."""
    parts = [urlsplit(url) for url in urls]
    places = [_place(each) for each in parts]
    if not 1 <= len(urls) <= MOST_SERVERS:
        return f"must have 1 to {MOST_SERVERS} addresses"
    for url, each in zip(urls, parts, strict=True):
        if each.username is not None or each.password is not None or each.query or each.fragment:
            return f"has more than scheme, host, port and path in the address of {each.hostname}"
        if _is_no_server(each.hostname or ""):
            return f"has {url!r}, at whose address no server of yours can be"
    if len({each.scheme for each in parts}) > 1:
        return "mixes http and https: all servers get the same requests, and the same key"
    for number, place in enumerate(places):
        if (first := places.index(place)) != number:
            return f"has one server twice, as {urls[first]!r} and as {urls[number]!r}"
    return None


def _place(parts: SplitResult) -> tuple[str, int, str]:
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/")


def _is_no_server(host: str) -> bool:
    """Whether it is an address that is nobody's, everybody's, or of a cloud's services for its machines."""
    try:
        address = unmapped(ip_address(host))
    except ValueError:
        return host.rstrip(".") in _METADATA_NAMES
    shared = address.is_link_local or address.is_multicast or address.is_unspecified
    return shared or address in _CLOUDS_OWN or (isinstance(address, IPv4Address) and address.is_reserved)
