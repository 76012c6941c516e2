import pytest

from limner.outbound.proxy import OutboundProxy

PROXY = "http://user:secret@proxy.internal:3128"


@pytest.mark.parametrize(
    ("url", "bypass", "proxy"),
    [
        ("https://api.bfl.ai/v1/flux", "", PROXY),
        ("https://api.bfl.ai/v1/flux", "bfl.ai", None),
        ("https://api.bfl.ai/v1/flux", "example.org, .bfl.ai", None),
        ("https://notbfl.ai/", "bfl.ai", PROXY),
        ("https://relay.internal:8443/mj", "relay.internal:8443", None),
        ("https://api.bfl.ai/", "*", None),
        ("http://127.0.0.1:9500/", "", None),
    ],
)
def test_https_goes_through_the_proxy_but_for_bypassed_hosts(url: str, bypass: str, proxy: str | None) -> None:
    assert OutboundProxy(PROXY, bypass).for_request(url) == proxy


def test_without_a_proxy_all_is_direct() -> None:
    assert OutboundProxy().for_request("https://api.bfl.ai/") is None


def test_a_proxy_s_password_is_not_shown() -> None:
    assert "secret" not in repr(OutboundProxy(PROXY))
