"""Classifies public addresses and parses the spellings of an address."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

# Not Python's `is_global`: it changed between patch releases.
# IANA IPv4 Special-Purpose Address Registry, multicast and class E.
_SPECIAL_V4: Final = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service lives here
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent, reachable from inside every virtual machine
        "169.254.0.0/16",  # link-local; most clouds' metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only 2000::/3 is allocated as global unicast (RFC 4291), except for these parts.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # IETF protocols: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "3fff::/20",
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")


def is_public(address: Address) -> bool:
    """Whether `address` is on the public internet. An IPv4 address embedded in an IPv6 one is checked as IPv4."""
    inner = _embedded(address)
    if isinstance(inner, IPv4Address):
        return not any(inner in net for net in _SPECIAL_V4)
    return inner in _GLOBAL_V6 and not any(inner in net for net in _SPECIAL_V6)


def unmapped(address: Address) -> Address:
    """`address`, as IPv4 where it is IPv4 in IPv6 notation."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def literal(host: str) -> Address | None:
    """Parse an address in every spelling a C library accepts (`127.1`, `0x7f000001`, `017700000001`).

    None for a name. Raises ValueError for a malformed address.
    """
    if ":" in host:
        return _v6(host)
    parts = host.removesuffix(".").split(".")
    # As in the URL standard: a host whose last part is a number is an IPv4 address or nothing.
    return _v4(parts) if re.fullmatch(r"\d+|0x[0-9a-f]*", parts[-1]) else None


def _v6(host: str) -> IPv6Address:
    try:
        return IPv6Address(host)
    except AddressValueError as error:
        raise ValueError(f"{host!r} is no IPv6 address") from error


def _v4(parts: list[str]) -> IPv4Address:
    """One to four numbers; the last one fills the remaining bytes."""
    numbers = [_number(part) for part in parts]
    *first, last = numbers
    if len(numbers) > 4 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        raise ValueError(f"{'.'.join(parts)!r} is no IPv4 address")
    return IPv4Address(last + sum(number << (24 - 8 * place) for place, number in enumerate(first)))


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise ValueError(f"{text!r} is no part of an IPv4 address")
    return int(text, 8) if text.startswith("0") else int(text)


def _embedded(address: Address) -> Address:
    """The embedded IPv4 address that packets to `address` may reach, else `address`."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    return IPv4Address(number >> 80 & 0xFFFFFFFF) if address in _6TO4 else address
