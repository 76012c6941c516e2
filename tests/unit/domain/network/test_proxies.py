from ipaddress import ip_address

import pytest

from limner.domain.network.proxies import TrustedProxies, client_network

NOBODY = TrustedProxies()
PROXIES = TrustedProxies.parse("10.0.0.1, 192.168.7.0/24, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 192.168.7.4"], "198.51.100.1"),
        ("10.0.0.1", ["192.168.7.4"], "192.168.7.4"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("fd00::1", ["[2001:db8::7]"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_client_is_the_last_that_no_proxy_of_ours_vouches_for(peer: str, forwarded: list[str], client: str) -> None:
    assert PROXIES.client(peer, forwarded) == ip_address(client)


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert NOBODY.client("127.0.0.1", ["198.51.100.1"]) == ip_address("127.0.0.1")


@pytest.mark.parametrize("forwarded", ["unknown", "", "198.51.100.1:4711", "_hidden", "1.2.3", "x" * 10_000])
def test_a_malformed_forwarded_address_is_unknown(forwarded: str) -> None:
    assert PROXIES.client("10.0.0.1", [forwarded]) is None


@pytest.mark.parametrize("peer", [None, "", "testclient", "/run/limner.sock"])
def test_a_peer_without_an_address_has_none(peer: str | None) -> None:
    assert PROXIES.client(peer, ["198.51.100.1"]) is None


@pytest.mark.parametrize("text", ["10.0.0.1; 10.0.0.2", "nginx", "10.0.0.0/40"])
def test_what_is_no_list_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        TrustedProxies.parse(text)


def test_a_household_of_ipv6_has_many_addresses_and_one_name() -> None:
    assert client_network(ip_address("2001:db8:1:2::1")) == client_network(ip_address("2001:db8:1:2:ffff::9"))
    assert client_network(ip_address("2001:db8:1:2::1")) != client_network(ip_address("2001:db8:1:3::1"))
    assert client_network(ip_address("203.0.113.9")) == "203.0.113.9"
