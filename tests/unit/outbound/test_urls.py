import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.refusal import Code, Refusal
from limner.outbound.allowlist import FetchAllow
from limner.outbound.urls import check_url, parse

NOBODY = FetchAllow()


def refused(url: str, allow: FetchAllow = NOBODY) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_url(url, allow)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.jpg",
        "HTTP://EXAMPLE.COM:8080/a?b=c#d",
        "http://mañana.example/ü.png",
        "http://8.8.8.8/x.png",
        "http://[2606:4700:4700::1111]/x",
        "http://some_bucket.example/x",
        "http://example.com./x",
        "http://intranet/x",
        "http://127.0.0.1.example/x",
    ],
)
def test_a_public_address_passes(url: str) -> None:
    check_url(url, NOBODY)

    assert parse(url, NOBODY).raw_host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/cat.jpg",
        "//example.com/cat.jpg",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "gopher://example.com",
        "http://",
        "http:///x",
        "http:example.com",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:-1/",
        "http://example.com:http/",
        "http://exa mple.com/",
        "http://example.com/a b",
        "http://example.com/\r\nHost: x",
        "http://example.com/\x00",
        "http://example.com\\@10.0.0.1/",
        "http://[::1",
        "http://[zz]/",
        "http://a..b/",
        "http://-a.example/",
        "http://a%2eb/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 130}example/",
        "http://1.2.3.4.5/",
        "http://256.256.256.256/",
        "http://134744072/",
        f"http://example.com/{'a' * 8192}",
        "http://example.com/\ud800",
    ],
)
def test_what_is_no_web_address_is_1004(url: str) -> None:
    refusal = refused(url)

    assert refusal.code is Code.INVALID
    assert "http" in refusal.suggestion


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７.０.０.１",
        "127。0。0。1",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "2852039166",
        "100.64.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
    ],
)
def test_a_private_address_is_2019_in_any_spelling(host: str) -> None:
    refusal = refused(f"http://{host}/x.png")

    assert refusal.code is Code.FILE_NOT_FOUND
    assert "LIMNER_FETCH_ALLOW" in refusal.suggestion


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("127.0.0.1:8123", "http://127.0.0.1:8123/x"),
        ("127.0.0.1:8123", "http://localhost:8123/x"),
        ("localhost", "http://localhost:9/x"),
        ("10.0.0.0/8", "https://10.2.3.4/x"),
        ("[::1]:80", "http://[::1]/x"),
    ],
)
def test_the_operators_list_lets_through(allow: str, url: str) -> None:
    check_url(url, FetchAllow.parse(allow))

    with pytest.raises(Refusal):
        check_url(url, NOBODY)


def test_a_signed_url_keeps_its_bytes() -> None:
    url = "https://bucket.example/a%2Fb.png?X-Amz-Credential=AK%2F2025%2Fs3&sig=a%2Bb%3D&t=%7e(x)"

    assert str(parse(url, NOBODY)) == url


def test_a_long_url_is_cut_in_the_reason() -> None:
    assert len(refused(f"http://example.com/{'a' * 9000}").reason) < 300


@given(st.one_of(st.text(max_size=80), st.text(max_size=40).map(lambda text: f"http://{text}")))
def test_any_text_is_passed_or_refused(url: str) -> None:
    assert outcome(url) in {None, Code.INVALID, Code.FILE_NOT_FOUND}


def outcome(url: str) -> Code | None:
    try:
        check_url(url, NOBODY)
    except Refusal as refusal:
        return refusal.code
    return None
