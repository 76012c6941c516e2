import socket

import pytest

from limner.outbound.address_guard import AddressGuard, RefusedAddressError, connecting_to
from limner.outbound.allowlist import FetchAllow


def row(address: str, port: int = 80) -> tuple[int, int, int, str, tuple[object, ...]]:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 0, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"])
def test_no_socket_is_opened_for_a_private_address(address: str) -> None:
    with pytest.raises(RefusedAddressError) as caught:
        AddressGuard(FetchAllow()).open_socket(row(address))

    assert address not in str(caught.value)


def test_a_public_address_gets_a_socket() -> None:
    with AddressGuard(FetchAllow()).open_socket(row("8.8.8.8")) as opened:
        assert opened.family == socket.AF_INET


def test_a_listed_name_is_trusted_only_while_it_is_dialled() -> None:
    guard = AddressGuard(FetchAllow.parse("intranet.example"))

    with connecting_to("intranet.example"):
        guard.check("10.0.0.1", 80)
    with connecting_to("evil.example"), pytest.raises(RefusedAddressError):
        guard.check("10.0.0.1", 80)
    with pytest.raises(RefusedAddressError):
        guard.check("10.0.0.1", 80)
