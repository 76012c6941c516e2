from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.network.ip_address import is_public, literal


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:0808:0808::1",
    ],
)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.ip_addresses())
def test_what_python_knows_to_be_private_never_passes(address: IPv4Address | IPv6Address) -> None:
    inner = getattr(address, "ipv4_mapped", None) or address

    # Python's list lags behind the registries on these three, and judges 6to4 by its outside.
    assert not is_public(address) or inner.is_global or str(address).startswith(("64:ff9b:", "2002:"))


@given(st.integers(0, 2**32 - 1))
def test_every_spelling_of_an_address_is_read_alike(number: int) -> None:
    a, b, c, d = number.to_bytes(4, "big")
    spellings = [
        f"{number}",
        f"{number:#x}",
        f"0{number:o}" if number else "0",
        f"{a}.{number & 0xFFFFFF}",
        f"{a:#x}.{b}.{number & 0xFFFF:#x}",
        f"{a}.{b}.{c}.{d}",
        f"0{a:o}.{b:#x}.{c}.0{d:o}",
        f"{a}.{b}.{c}.{d}.",
    ]

    assert {literal(spelling) for spelling in spellings} == {IPv4Address(number)}


@pytest.mark.parametrize("host", ["example.com", "localhost", "1.example", "0x7f.example", "a-1", "intranet"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal(host) is None


@pytest.mark.parametrize("host", ["256.1.1.1", "1.2.3.4.5", "4294967296", "1..2", "08.1.1.1", "a.b.c.1", "::zz"])
def test_what_only_looks_like_an_address_is_an_error(host: str) -> None:
    with pytest.raises(ValueError, match=r"is no|invalid literal"):
        literal(host)
