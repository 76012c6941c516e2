from ipaddress import ip_address

import pytest

from limner.outbound.allowlist import FetchAllow


@pytest.mark.parametrize(
    ("text", "host", "address", "port"),
    [
        ("127.0.0.1:8123", "127.0.0.1", "127.0.0.1", 8123),
        ("127.0.0.1:8123", "any.example", "127.0.0.1", 8123),
        ("127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", 1),
        ("intranet.example", "intranet.example", "10.9.9.9", 80),
        ("intranet.example", "INTRANET.example.", "10.9.9.9", 443),
        ("intranet.example:8080", "intranet.example", "10.9.9.9", 8080),
        ("localhost", "localhost", "127.0.0.1", 80),
        ("10.1.0.0/16", "x", "10.1.2.3", 80),
        ("[::1]:80", "::1", "::1", 80),
        ("::1", "::1", "::1", 81),
        ("fd00::/8", "x", "fd12::1", 80),
        (" a.example , ,\n10.0.0.0/8,", "x", "10.0.0.1", 80),
    ],
)
def test_what_is_listed_is_permitted(text: str, host: str, address: str, port: int) -> None:
    assert FetchAllow.parse(text).permits(host, ip_address(address), port)


@pytest.mark.parametrize(
    ("text", "host", "address", "port"),
    [
        ("", "x", "127.0.0.1", 80),
        ("127.0.0.1:8123", "127.0.0.1", "127.0.0.1", 8124),
        ("intranet.example", "evil.intranet.example", "10.9.9.9", 80),
        ("intranet.example", "intranet.example.evil", "10.9.9.9", 80),
        ("intranet.example:8080", "intranet.example", "10.9.9.9", 80),
        ("10.1.0.0/16", "x", "10.2.0.1", 80),
        ("10.1.0.0/16", "x", "::1", 80),
    ],
)
def test_nothing_else_is(text: str, host: str, address: str, port: int) -> None:
    assert not FetchAllow.parse(text).permits(host, ip_address(address), port)


def test_a_network_does_not_cover_an_unresolved_name() -> None:
    assert not FetchAllow.parse("0.0.0.0/0").permits("x", None, 80)


@pytest.mark.parametrize(
    "entry", ["http://a.example", "10.1.2.3/16", "a.example:0", "a.example:70000", "a b", "10.0.0", "*.example", "é"]
)
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host|no port") as caught:
        FetchAllow.parse(f"good.example, {entry}")

    assert repr(entry) in str(caught.value)
