"""The reference is botocore's own signer, and the examples that AWS publishes."""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore import auth as botocore_auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from limner.api.s3.errors import S3Error
from limner.api.s3.signature import Authorization, RequestHead, check_time, read_authorization, verify

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials("ASIAIOSFODNN7EXAMPLE", SECRET, "a-session-token")
NOON = dt.datetime(2026, 11, 22, 12, 0, 0, tzinfo=dt.UTC)
URL = "https://localhost:9443/tripo-data/tcli_0/20261122/t/input.png"


class Unsigned(S3SigV4Auth):  # type: ignore[misc]
    def payload(self, _request: Any) -> str:
        return "UNSIGNED-PAYLOAD"


def signed(url: str = URL, method: str = "PUT", headers: dict[str, str] | None = None) -> RequestHead:
    """A request as botocore signs it, at noon."""
    request = AWSRequest(method, url, headers={"Host": urlsplit(url).netloc, **(headers or {})})
    with at_noon():
        Unsigned(CREDENTIALS, "s3", "us-west-2").add_auth(request)
    return head_of(request)


def presigned(url: str = URL, expires_s: int = 600) -> RequestHead:
    request = AWSRequest("PUT", url, headers={"Host": urlsplit(url).netloc})
    with at_noon():
        S3SigV4QueryAuth(CREDENTIALS, "s3", "us-west-2", expires_s).add_auth(request)
    return head_of(request)


def at_noon() -> Any:
    return patch.object(botocore_auth, "get_current_datetime", lambda **_: NOON.replace(tzinfo=None))


def head_of(request: AWSRequest) -> RequestHead:
    sent = request.prepare()
    parts = urlsplit(sent.url)
    headers = [
        (name.lower(), value if isinstance(value, str) else value.decode()) for name, value in sent.headers.items()
    ]
    return RequestHead(sent.method, parts.path, parts.query, headers)


def accepted(head: RequestHead, secret: str = SECRET) -> Authorization:
    authorization = read_authorization(head)
    verify(head, authorization, secret)
    return authorization


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(S3Error) as caught:
        call()
    return caught.value.code


def without(head: RequestHead, *names: str) -> RequestHead:
    return replace(head, headers=[pair for pair in head.headers if pair[0] not in names])


def with_(head: RequestHead, name: str, value: str) -> RequestHead:
    return replace(without(head, name), headers=[*without(head, name).headers, (name, value)])


def authorized(head: RequestHead, old: str, new: str) -> RequestHead:
    return with_(head, "authorization", (head.header("authorization") or "").replace(old, new))


def asked(head: RequestHead, old: str, new: str) -> RequestHead:
    return replace(head, query=head.query.replace(old, new))


def test_what_botocore_signs_is_accepted() -> None:
    authorization = accepted(signed())

    assert authorization.access_key == "ASIAIOSFODNN7EXAMPLE"
    assert authorization.token == "a-session-token"
    assert authorization.payload == "UNSIGNED-PAYLOAD"


def test_what_botocore_presigns_is_accepted() -> None:
    authorization = accepted(presigned())

    assert authorization.token == "a-session-token"
    assert authorization.payload == "UNSIGNED-PAYLOAD"
    assert authorization.expires_s == 600


PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
ANY_TEXT = st.text(max_size=12)


@pytest.mark.long
@given(path=ANY_TEXT, query=st.lists(st.tuples(st.text(min_size=1, max_size=8), ANY_TEXT), max_size=4), value=PRINTABLE)
def test_every_spelling_of_a_request_is_read_as_botocore_reads_it(
    path: str, query: list[tuple[str, str]], value: str
) -> None:
    path, query = _plain(path), [(_plain(name), _plain(each)) for name, each in query]
    asked = "&".join(f"{quote(name, safe='-_.~')}={quote(each, safe='-_.~')}" for name, each in query if name)
    url = f"https://localhost/tripo-data/{quote(path, safe='/~')}" + (f"?{asked}" if asked else "")

    authorization = accepted(signed(url, headers={"x-amz-meta-a": f"  {value}  b ", "content-type": "image/png"}))

    assert "x-amz-meta-a" in authorization.signed_headers


def _plain(text: str) -> str:
    """Without what no address can hold."""
    return text.encode("utf-8", "ignore").decode().replace("\0", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda head: replace(head, method="POST"),
        lambda head: replace(head, path=head.path.replace("input", "other")),
        lambda head: replace(head, query="uploads="),
        lambda head: with_(head, "host", "example.org"),
        lambda head: with_(head, "x-amz-date", "20261122T120001Z"),
        lambda head: with_(head, "x-amz-security-token", "another"),
        lambda head: with_(head, "x-amz-content-sha256", "0" * 64),
        lambda head: authorized(head, "us-west-2", "us-east-1"),
        lambda head: with_(head, "authorization", f"{(head.header('authorization') or '')[:-64]}{'0' * 64}"),
    ],
    ids=["method", "path", "query", "host", "date", "token", "payload", "region", "signature"],
)
def test_whatever_is_changed_after_signing_breaks_the_signature(change: Callable[[RequestHead], RequestHead]) -> None:
    head = change(signed())

    assert refused(lambda: accepted(head)) == "SignatureDoesNotMatch"


def test_another_secret_breaks_the_signature() -> None:
    assert refused(lambda: accepted(signed(), "another secret")) == "SignatureDoesNotMatch"
    assert refused(lambda: accepted(presigned(), "another secret")) == "SignatureDoesNotMatch"


def test_a_presigned_address_cannot_be_changed() -> None:
    head = presigned()

    assert refused(lambda: accepted(asked(head, "=600", "=601"))) == "SignatureDoesNotMatch"
    assert refused(lambda: accepted(replace(head, path=head.path + "x"))) == "SignatureDoesNotMatch"


def test_a_header_that_means_something_has_to_be_signed() -> None:
    assert refused(lambda: accepted(with_(signed(), "x-amz-copy-source", "/a/b"))) == "AccessDenied"
    assert refused(lambda: accepted(with_(presigned(), "x-amz-checksum-crc32", "AAAAAA=="))) == "AccessDenied"


def test_a_host_has_to_be_signed() -> None:
    head = signed()

    assert refused(lambda: accepted(authorized(head, "SignedHeaders=host;", "SignedHeaders="))) == "AccessDenied"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (without(signed(), "authorization"), "AccessDenied"),
        (with_(signed(), "authorization", "Bearer tsk_abc"), "InvalidRequest"),
        (with_(signed(), "authorization", "AWS ASIA:signature"), "InvalidRequest"),
        (with_(signed(), "authorization", "AWS4-HMAC-SHA256 "), "AuthorizationHeaderMalformed"),
        (authorized(signed(), "SignedHeaders=", "Signed="), "AuthorizationHeaderMalformed"),
        (authorized(signed(), "/s3/", "/iam/"), "AuthorizationHeaderMalformed"),
        (authorized(signed(), "20261122", "20261121"), "AuthorizationHeaderMalformed"),
        (authorized(signed(), "Signature=", "Signature=x"), "AuthorizationHeaderMalformed"),
        (without(signed(), "x-amz-content-sha256"), "InvalidRequest"),
        (without(signed(), "x-amz-date"), "AccessDenied"),
        (with_(signed(), "x-amz-date", "20261399T999999Z"), "AccessDenied"),
        (replace(presigned(), query="AWSAccessKeyId=A&Signature=b&Expires=1"), "InvalidRequest"),
        (asked(presigned(), "=AWS4-HMAC-SHA256", "=AWS4-ECDSA-P256-SHA256"), "InvalidRequest"),
        (asked(presigned(), "=600", "=604801"), "AuthorizationQueryParametersError"),
        (asked(presigned(), "=600", "=-1"), "AuthorizationQueryParametersError"),
        (asked(presigned(), "X-Amz-Expires=600", ""), "AuthorizationQueryParametersError"),
        (asked(presigned(), "Signature=", "Signature=Z"), "AuthorizationQueryParametersError"),
    ],
)
def test_a_malformed_authorization_is_refused_with_a_reason(head: RequestHead, code: str) -> None:
    assert refused(lambda: read_authorization(head)) == code


@given(st.text(max_size=300), st.text(max_size=100))
def test_no_authorization_breaks_the_reader(header: str, query: str) -> None:
    head = replace(with_(signed(), "authorization", f"AWS4-HMAC-SHA256 {header}"), query=query)

    with pytest.raises(S3Error):
        read_authorization(head)


@pytest.mark.parametrize("seconds", [-901, 901])
def test_a_request_signed_too_long_ago_or_in_the_future_is_refused(seconds: int) -> None:
    authorization = read_authorization(signed())

    assert refused(lambda: check_time(authorization, NOON.timestamp() + seconds)) == "RequestTimeTooSkewed"


def test_a_presigned_address_works_until_it_expires() -> None:
    authorization = read_authorization(presigned())

    check_time(authorization, NOON.timestamp() + 600)
    assert refused(lambda: check_time(authorization, NOON.timestamp() + 601)) == "AccessDenied"
    assert refused(lambda: check_time(authorization, NOON.timestamp() - 901)) == "AccessDenied"


# --- signed frames: the examples in AWS's documentation -----------------------------------------------------------

EXAMPLE = [
    ("host", "s3.amazonaws.com"),
    ("x-amz-date", "20130524T000000Z"),
    ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ("x-amz-decoded-content-length", "66560"),
    ("content-encoding", "aws-chunked"),
]
TRAILER = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
COVERED = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"


def example(payload: str, signed_headers: str, signature: str, *more: tuple[str, str]) -> RequestHead:
    credential = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    header = f"AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed_headers},Signature={signature}"
    own = [("x-amz-content-sha256", payload), ("authorization", header), *more]
    return RequestHead("PUT", "/examplebucket/chunkObject.txt", "", [*EXAMPLE, *own])


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_published_example_of_signed_frames_holds() -> None:
    head = example(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        f"content-encoding;content-length;{COVERED}",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ("content-length", "66824"),
    )

    chain = verify(head, read_authorization(head), SECRET)
    chain.check_frame("ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", sha256_of(b"a" * 65536))
    chain.check_frame("0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", sha256_of(b"a" * 1024))
    chain.check_frame("b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", sha256_of(b""))

    assert chain.previous == "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"


def test_the_published_example_of_a_signed_trailer_holds() -> None:
    head = example(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        f"content-encoding;{COVERED};x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        ("x-amz-trailer", "x-amz-checksum-crc32c"),
    )

    chain = verify(head, read_authorization(head), SECRET)
    chain.check_frame("b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", sha256_of(b"a" * 65536))
    chain.check_frame("1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", sha256_of(b"a" * 1024))
    chain.check_frame("2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992", sha256_of(b""))

    signature, trailers = TRAILER, {"x-amz-checksum-crc32c": "sOO8/Q=="}
    chain.check_trailers(signature, trailers)

    assert refused(lambda: chain.check_trailers(signature, trailers)) == "SignatureDoesNotMatch"  # a second time


def test_a_frame_in_the_wrong_place_is_refused() -> None:
    head = signed()
    chain = verify(head, read_authorization(head), SECRET)

    assert refused(lambda: chain.check_frame("0" * 64, sha256_of(b"a"))) == "SignatureDoesNotMatch"


def test_the_query_of_a_presigned_address_is_what_botocore_wrote() -> None:
    head = presigned()

    assert {name: values[-1] for name, values in parse_qs(head.query).items()} == head.parameters()
