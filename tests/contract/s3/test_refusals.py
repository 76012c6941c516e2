"""What is turned down, in S3's words, with nothing left behind."""

import asyncio
import base64
import datetime as dt
import hashlib
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from contract.client import PICTURE, TIMEOUT_S, Answer, Client, footprint, newcomer, settings_of
from contract.s3.bucket import TRAILER, UNSIGNED, Bucket, code_of, framed, head_of
from limner.application.images.upload_credentials import SessionTokenSigner, UploadGrant
from limner.bootstrap import opened, read_secret
from limner.domain.ids import KeyId
from serving import Served

MIB = 1024 * 1024
LARGEST = 20 * MIB


@pytest.fixture(autouse=True)
def nothing_is_left(secured: Served) -> Iterator[None]:
    """Every test in this file refuses something; so none leaves a row or a byte."""
    before = footprint(secured)
    yield
    deadline = time.monotonic() + TIMEOUT_S
    while footprint(secured) != before and time.monotonic() < deadline:
        time.sleep(0.02)  # whose sender went away is cleared away a moment later
    assert footprint(secured) == before


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


def streamed(content: bytes, piece: int = MIB) -> Iterator[bytes]:
    return (content[at : at + piece] for at in range(0, len(content), piece))


def in_frames(
    bucket: Bucket, content: bytes, trailers: str, *, size: int | None = None, body: bytes | None = None
) -> Answer:
    """As boto3 sends over HTTPS: framed, the checksum behind it."""
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": str(len(content) if size is None else size),
    }
    return bucket.request(body=streamed(body or framed(content, trailers)), headers=headers, payload=TRAILER)


# --- who may ------------------------------------------------------------------------------------------------------


def test_a_wrong_signature(bucket: Bucket) -> None:
    answer = bucket.but(secret_key="A" * 40).request(body=PICTURE)

    assert code_of(answer) == (403, "SignatureDoesNotMatch")


def test_a_wrong_access_key(bucket: Bucket) -> None:
    assert code_of(bucket.but(access_key="ASIA" + "A" * 16).request(body=PICTURE)) == (403, "InvalidAccessKeyId")


def test_no_session_token(bucket: Bucket) -> None:
    assert code_of(bucket.but(token="").request(body=PICTURE)) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("form", ["{}A", "A{}", "{}=", "{:.40}", "é", "{0}{0}{0}{0}{0}"])
def test_a_session_token_that_is_not_ours(bucket: Bucket, form: str) -> None:
    answer = bucket.but(token=form.format(bucket.token)).request(body=PICTURE)

    assert code_of(answer) == (400, "InvalidToken")


def test_an_expired_token(secured: Served, bucket: Bucket) -> None:
    session_tokens = SessionTokenSigner(read_secret(settings_of(secured)))
    session = session_tokens.verify(bucket.token)
    assert session
    token = session_tokens.issue(replace(session.grant, expires_s=1_700_000_000))
    expired = bucket.but(
        token=token, access_key=session_tokens.access_key(token), secret_key=session_tokens.secret_key(token)
    )

    assert code_of(expired.request(body=PICTURE)) == (400, "ExpiredToken")


def test_a_token_of_another_server(bucket: Bucket) -> None:
    session_tokens = SessionTokenSigner(b"another server's secret, as long as it should be")
    token = session_tokens.issue(UploadGrant(KeyId("00000000-0000-4000-8000-000000000000"), bucket.key, 9_999_999_999))
    forged = bucket.but(
        token=token, access_key=session_tokens.access_key(token), secret_key=session_tokens.secret_key(token)
    )

    assert code_of(forged.request(body=PICTURE)) == (400, "InvalidToken")


@pytest.fixture(scope="module")
def leaving(secured: Served, client: Client) -> Client:
    """A caller whose key will be revoked."""
    return replace(newcomer(secured, credits=0), trust=client.trust)


def test_credentials_end_with_the_key_that_asked_for_them(secured: Served, leaving: Client, authority: str) -> None:
    bucket = Bucket.asked_for(leaving, authority)
    asyncio.run(_revoke(secured, bucket))

    assert code_of(bucket.request(body=PICTURE)) == (403, "InvalidAccessKeyId")


async def _revoke(served: Served, bucket: Bucket) -> None:
    async with opened(settings_of(served)) as limner:
        session = limner.session_tokens.verify(bucket.token)
        assert session
        assert await limner.accounts.revoke_key(session.grant.key)


def test_another_object_of_the_same_account(client: Client, authority: str, bucket: Bucket) -> None:
    other = Bucket.asked_for(client, authority)

    assert code_of(bucket.request(body=PICTURE, path=other.path)) == (403, "AccessDenied")


def test_an_object_of_another_account(other_client: Client, authority: str, bucket: Bucket) -> None:
    theirs = Bucket.asked_for(other_client, authority)

    assert code_of(bucket.request(body=PICTURE, path=theirs.path)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    "path", ["/tripo-data", "/tripo-data/", "/tripo-data/../secret", "/tripo-data/a%20b", "/tripo-data/%00"]
)
def test_a_place_that_is_no_object_of_the_caller(bucket: Bucket, path: str) -> None:
    assert code_of(bucket.request(body=PICTURE, path=path)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("GET", "", {}),
        ("DELETE", "", {}),
        ("POST", "", {}),
        ("PUT", "acl=", {}),
        ("PUT", "tagging=", {}),
        ("POST", "delete=", {}),
        ("GET", "uploads=", {}),
        ("PUT", "", {"x-amz-copy-source": "/tripo-data/another"}),
    ],
)
def test_anything_but_to_put_the_object(bucket: Bucket, method: str, query: str, headers: dict[str, str]) -> None:
    answer = bucket.request(method, b"" if method != "GET" else None, headers, query=query)

    assert code_of(answer) == (403, "AccessDenied")


def test_no_signature_at_all(client: Client, bucket: Bucket) -> None:
    assert code_of(client.call("PUT", bucket.path, PICTURE, auth=False)) == (403, "AccessDenied")


def test_an_api_key_in_place_of_a_signature(client: Client, bucket: Bucket) -> None:
    assert code_of(client.call("PUT", bucket.path, PICTURE)) == (400, "InvalidRequest")


def test_a_clock_that_is_wrong(bucket: Bucket) -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)

    assert code_of(bucket.request(body=PICTURE, at=yesterday)) == (403, "RequestTimeTooSkewed")


def test_a_header_that_was_added_on_the_way(bucket: Bucket) -> None:
    answer = bucket.request(body=PICTURE, after={"x-amz-checksum-crc32": crc32(PICTURE)})

    assert code_of(answer) == (403, "AccessDenied")


# --- what came is not what was said -------------------------------------------------------------------------------


def test_a_trailer_that_was_tampered_with(bucket: Bucket) -> None:
    answer = in_frames(bucket, PICTURE, f"x-amz-checksum-crc32:{crc32(b'another')}\r\n")

    assert code_of(answer) == (400, "BadDigest")


@pytest.mark.parametrize("trailers", ["", "x-amz-checksum-sha1:AAAA\r\n", "rubbish\r\n"])
def test_a_trailer_other_than_the_one_announced(bucket: Bucket, trailers: str) -> None:
    assert code_of(in_frames(bucket, PICTURE, trailers)) == (400, "MalformedTrailerError")


def test_frames_that_bring_more_or_less_than_they_said(bucket: Bucket) -> None:
    trailer = f"x-amz-checksum-crc32:{crc32(PICTURE)}\r\n"

    assert code_of(in_frames(bucket, PICTURE, trailer, size=len(PICTURE) - 1)) == (400, "IncompleteBody")
    assert code_of(in_frames(bucket, PICTURE, trailer, size=len(PICTURE) + 1)) == (400, "IncompleteBody")


def test_frames_that_are_none(bucket: Bucket) -> None:
    assert code_of(in_frames(bucket, PICTURE, "", body=PICTURE))[0] == 400


def test_frames_without_the_length_of_what_is_in_them(bucket: Bucket) -> None:
    answer = bucket.request(body=streamed(framed(PICTURE)), payload=TRAILER)

    assert code_of(answer) == (411, "MissingContentLength")


def test_a_body_that_is_not_the_signed_one(bucket: Bucket) -> None:
    answer = bucket.request(body=PICTURE, payload=hashlib.sha256(b"another").hexdigest())

    assert code_of(answer) == (400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-MD5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
        ({"Content-MD5": "short"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32c": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, "BadDigest"),
        ({"x-amz-checksum-sha1": "no base64"}, "BadDigest"),
        ({"x-amz-checksum-sha256": ""}, "BadDigest"),
        ({"x-amz-checksum-rot13": "AAAA"}, "InvalidRequest"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)  # fmt: skip
def test_a_checksum_that_the_bytes_have_not(bucket: Bucket, headers: Mapping[str, str], code: str) -> None:
    assert code_of(bucket.request(body=PICTURE, headers=headers)) == (400, code)


@pytest.mark.parametrize("payload", ["STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "unsigned", "0" * 63])
def test_a_way_to_sign_the_body_that_is_unknown(bucket: Bucket, payload: str) -> None:
    assert code_of(bucket.request(body=PICTURE, payload=payload)) == (400, "InvalidArgument")


def test_a_connection_that_breaks_off(bucket: Bucket, client: Client) -> None:
    headers = bucket.signed("PUT", bucket.path, {}, UNSIGNED) | {"Content-Length": str(len(PICTURE))}
    with bucket.connected() as (connection, _):
        connection.sendall(head_of("PUT", bucket.path, headers) + PICTURE[:-1])

    assert bucket.request("HEAD").status == 404


# --- what is no picture, or too large a one -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"glTF\x02\0\0\0", b"<svg/>", PICTURE[:-20]], ids=["empty", "glb", "svg", "cut"]
)
def test_bytes_that_are_no_picture(bucket: Bucket, content: bytes) -> None:
    answer = bucket.request(body=content)

    assert code_of(answer) == (400, "InvalidRequest")
    assert b"Send a JPEG, PNG or WebP of at most 20 MB." in answer.body


def test_a_stream_of_21_mb_that_does_not_say_how_long_it_is(bucket: Bucket) -> None:
    answer = bucket.request(body=(bytes(MIB) for _ in range(21)))

    assert code_of(answer) == (400, "EntityTooLarge")


def test_frames_with_more_in_them_than_they_said(bucket: Bucket) -> None:
    answer = in_frames(bucket, bytes(21 * MIB), f"x-amz-checksum-crc32:{crc32(PICTURE)}\r\n", size=100)

    assert code_of(answer) == (400, "EntityTooLarge")


def test_a_length_over_20_mb_is_refused_before_the_bytes_are_sent(bucket: Bucket) -> None:
    headers = bucket.signed("PUT", bucket.path, {}, UNSIGNED)
    headers |= {"Content-Length": str(LARGEST + 1), "Expect": "100-continue"}
    with bucket.connected() as (connection, answers):
        connection.sendall(head_of("PUT", bucket.path, headers))
        answer = answers.read()  # to its end: the connection is of no use any more

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in answer.lower()
    assert b"<Code>EntityTooLarge</Code>" in answer


# --- in parts -----------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(bucket: Bucket) -> Iterator[str]:
    """The id of an upload in parts, given up in the end."""
    s3 = bucket.boto3()
    upload = s3.create_multipart_upload(**bucket.place)["UploadId"]
    yield upload
    s3.abort_multipart_upload(**bucket.place, UploadId=upload)


def listing(*parts: tuple[int, str]) -> bytes:
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>".encode()


def put(bucket: Bucket, upload: str, number: int, content: bytes) -> str:
    answer = bucket.request(body=content, query=f"partNumber={number}&uploadId={upload}")
    assert answer.status == 200, answer.body
    return str(answer.headers["ETag"])


@pytest.mark.parametrize("number", ["10001", "0", "-1", "one", ""])
def test_a_part_with_a_number_that_is_none(bucket: Bucket, begun: str, number: str) -> None:
    answer = bucket.request(body=PICTURE, query=f"partNumber={number}&uploadId={begun}")

    assert code_of(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize("upload", ["0" * 32, "", "..%2F..", "%00"])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "GET"])
def test_an_upload_that_was_never_begun(bucket: Bucket, method: str, upload: str) -> None:
    query = f"uploadId={upload}" + ("&partNumber=1" if method == "PUT" else "")
    body = None if method in {"GET", "DELETE"} else listing((1, "0" * 32))

    assert code_of(bucket.request(method, body, query=query)) == (404, "NoSuchUpload")


def test_the_upload_of_another_object(client: Client, authority: str, bucket: Bucket, begun: str) -> None:
    other = Bucket.asked_for(client, authority)

    answer = other.request(body=PICTURE, query=f"partNumber=1&uploadId={begun}")

    assert code_of(answer) == (404, "NoSuchUpload")


def test_a_part_that_was_not_put(bucket: Bucket, begun: str) -> None:
    etag = put(bucket, begun, 1, PICTURE)

    missing = bucket.request("POST", listing((1, etag), (2, etag)), query=f"uploadId={begun}")
    other = bucket.request("POST", listing((1, "0" * 32)), query=f"uploadId={begun}")
    rubbish = bucket.request("POST", listing((1, "not hex")), query=f"uploadId={begun}")

    assert code_of(missing) == code_of(other) == code_of(rubbish) == (400, "InvalidPart")


def test_parts_that_are_too_small(bucket: Bucket, begun: str) -> None:
    parts = [(number, put(bucket, begun, number, PICTURE)) for number in (1, 2)]

    assert code_of(bucket.request("POST", listing(*parts), query=f"uploadId={begun}")) == (400, "EntityTooSmall")


def test_parts_in_the_wrong_order(bucket: Bucket, begun: str) -> None:
    answer = bucket.request("POST", listing((2, "0" * 32), (1, "0" * 32)), query=f"uploadId={begun}")

    assert code_of(answer) == (400, "InvalidPartOrder")


def test_parts_that_are_too_much_together(bucket: Bucket, begun: str) -> None:
    for number in range(1, 5):
        put(bucket, begun, number, bytes(5 * MIB))

    answer = bucket.request(body=b"x", query=f"partNumber=5&uploadId={begun}")

    assert code_of(answer) == (400, "EntityTooLarge")


def test_parts_that_make_no_picture_are_forgotten(bucket: Bucket) -> None:
    upload = bucket.boto3().create_multipart_upload(**bucket.place)["UploadId"]
    etag = put(bucket, upload, 1, b"no picture")

    answer = bucket.request("POST", listing((1, etag)), query=f"uploadId={upload}")

    assert code_of(answer) == (400, "InvalidRequest")
    assert code_of(bucket.request("GET", query=f"uploadId={upload}")) == (404, "NoSuchUpload")


def test_a_whole_that_has_not_its_checksum(bucket: Bucket, begun: str) -> None:
    etag = put(bucket, begun, 1, PICTURE)

    answer = bucket.request("POST", listing((1, etag)), {"x-amz-checksum-crc32": "AAAAAA=="}, query=f"uploadId={begun}")

    assert code_of(answer) == (400, "BadDigest")


@pytest.mark.parametrize("body", [b"", b"<a", b"<!DOCTYPE a>" + listing((1, "0" * 32)), listing()])
def test_a_list_of_parts_that_is_none(bucket: Bucket, begun: str, body: bytes) -> None:
    assert code_of(bucket.request("POST", body, query=f"uploadId={begun}")) == (400, "MalformedXML")


def test_a_list_of_parts_without_an_end(bucket: Bucket, begun: str) -> None:
    answer = bucket.request("POST", b" " * (MIB + 1), query=f"uploadId={begun}")

    assert code_of(answer) == (400, "MaxMessageLengthExceeded")
