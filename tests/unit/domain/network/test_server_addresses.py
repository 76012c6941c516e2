import pytest

from limner.domain.network.server_addresses import MOST_SERVERS, mistake_in_servers

A, B = "http://10.0.0.7:30000/v1", "http://10.0.0.8:30000/v1"


@pytest.mark.parametrize(
    "urls",
    [(A,), (A, B), (A, "http://10.0.0.7:30001/v1"), ("http://127.0.0.1:1/v1", "http://[::1]:1/v1"), ("https://gpu",)],
)
def test_servers_in_a_private_network_are_usual(urls: tuple[str, ...]) -> None:
    assert mistake_in_servers(urls) is None


@pytest.mark.parametrize(
    ("urls", "mistake"),
    [
        ((A, A), "one server twice"),
        ((A, B, "http://10.0.0.7:30000/v1/"), "one server twice"),
        (("http://GPU:80/v1", "http://gpu/v1"), "one server twice"),
        (("https://gpu:443/v1", "https://gpu./v1"), "one server twice"),
        ((A, "https://10.0.0.8:30000/v1"), "mixes http and https"),
        (("http://169.254.169.254/v1", A), "no server of yours"),
        (("http://[::ffff:169.254.169.254]/v1", A), "no server of yours"),
        (("http://[fe80::1]/v1",), "no server of yours"),
        (("http://0.0.0.0:30000/v1",), "no server of yours"),
        (("http://224.0.0.1/v1",), "no server of yours"),
        (("http://255.255.255.255/v1",), "no server of yours"),
        (("http://100.100.100.200/v1",), "no server of yours"),
        (("http://metadata.google.internal/v1",), "no server of yours"),
        (("http://user:secret@gpu/v1",), "more than scheme, host, port and path in the address of gpu"),
        (("http://gpu/v1?a=1",), "more than scheme"),
        (("http://gpu/v1#a",), "more than scheme"),
        ((), "1 to 64"),
        (tuple(f"http://10.0.1.{n}/v1" for n in range(MOST_SERVERS + 1)), "1 to 64"),
    ],
)
def test_a_mistake_is_named(urls: tuple[str, ...], mistake: str) -> None:
    said = mistake_in_servers(urls)

    assert said
    assert mistake in said
    assert "secret" not in said
