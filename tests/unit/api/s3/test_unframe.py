import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.api.s3.errors import S3Error
from limner.api.s3.signature import SignatureChain
from limner.api.s3.unframe import MIN_FRAME_BYTES, Unframer

TRAILER = {"x-amz-checksum-crc32": "AAAAAA=="}
KEY, AT, SCOPE = b"k" * 32, "20261122T120000Z", "20261122/us-east-1/s3/aws4_request"


@dataclass
class Signer:
    """Signs frames as AWS describes it, written a second time."""

    previous: str = "5" * 64

    def sign(self, kind: str, *digests: str) -> str:
        said = "\n".join(("AWS4-HMAC-SHA256-" + kind, AT, SCOPE, self.previous, *digests))
        self.previous = hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()
        return self.previous

    def frame(self, data: bytes) -> str:
        return self.sign("PAYLOAD", hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest())

    def trailer(self, trailers: dict[str, str]) -> str:
        said = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        return self.sign("TRAILER", hashlib.sha256(said.encode()).hexdigest())


def chain() -> SignatureChain:
    return SignatureChain(KEY, AT, SCOPE, "5" * 64)


def framed(frames: Iterable[bytes], trailers: dict[str, str] | None = None) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames)
    return body + b"0\r\n" + written(trailers or {}) + b"\r\n"


def signed(frames: Iterable[bytes], trailers: dict[str, str] | None = None) -> bytes:
    signer = Signer()
    body = b"".join(
        b"%x;chunk-signature=%b\r\n%b\r\n" % (len(frame), signer.frame(frame).encode(), frame) for frame in frames
    )
    body += b"0;chunk-signature=%b\r\n" % signer.frame(b"").encode()
    if trailers:
        body += written(trailers) + b"x-amz-trailer-signature:%b\r\n" % signer.trailer(trailers).encode()
    return body + b"\r\n"


def written(trailers: dict[str, str]) -> bytes:
    return b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers.items())


def unframed(
    body: bytes, cuts: Iterable[int] = (), *, signed_by: SignatureChain | None = None
) -> tuple[bytes, dict[str, str]]:
    """The content and the trailers of a body that comes in the pieces that `cuts` make of it."""
    unframer = Unframer(signed_by)
    content = b"".join(data for piece in pieces(body, cuts) for data in unframer.feed(piece))
    return content, dict(unframer.finish())


def pieces(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for cut in sorted(min(cut, len(body)) for cut in cuts):
        yield body[at:cut]
        at = cut
    yield body[at:]


def refused(body: bytes, *, signed_by: SignatureChain | None = None) -> str:
    with pytest.raises(S3Error) as caught:
        unframed(body, signed_by=signed_by)
    return caught.value.code


SIZES = st.lists(st.integers(MIN_FRAME_BYTES, MIN_FRAME_BYTES + 300), max_size=3)
LAST = st.integers(0, 500)
CUTS = st.lists(st.integers(0, 30_000), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
TRAILERS = st.dictionaries(NAMES, st.from_regex(r"[!-~]{1,40}", fullmatch=True), max_size=4)


def frames_of(sizes: list[int], last: int, seed: int) -> list[bytes]:
    return [bytes((seed + n + at) % 256 for at in range(size)) for n, size in enumerate([*sizes, last]) if size]


@given(SIZES, LAST, st.integers(0, 255), TRAILERS, CUTS)
def test_what_was_framed_comes_out_however_it_is_cut(
    sizes: list[int], last: int, seed: int, trailers: dict[str, str], cuts: list[int]
) -> None:
    frames = frames_of(sizes, last, seed)

    content, reported = unframed(framed(frames, trailers), cuts)

    assert content == b"".join(frames)
    assert reported == trailers


@given(SIZES, LAST, st.integers(0, 255), TRAILERS, CUTS)
def test_signed_frames_come_out_however_they_are_cut(
    sizes: list[int], last: int, seed: int, trailers: dict[str, str], cuts: list[int]
) -> None:
    frames = frames_of(sizes, last, seed)

    content, reported = unframed(signed(frames, trailers), cuts, signed_by=chain())

    assert content == b"".join(frames)
    assert reported == trailers


@given(st.integers(0, 8000), st.integers(0, 255), CUTS)
def test_no_byte_of_a_signed_body_can_be_changed(at: int, to: int, cuts: list[int]) -> None:
    body = bytearray(signed([b"a" * 7000], TRAILER))
    at %= len(body)
    unchanged = body[at] == to
    body[at] = to

    try:
        content, reported = unframed(bytes(body), cuts, signed_by=chain())
    except S3Error:
        assert not unchanged
    else:  # upper case in a size or a name, and blanks, mean the same
        assert (content, reported) == (b"a" * 7000, TRAILER)


@given(st.binary(max_size=3000), CUTS)
def test_no_rubbish_does_more_than_be_refused(body: bytes, cuts: list[int]) -> None:
    try:
        content, _ = unframed(body, cuts)
    except S3Error:
        return

    assert len(content) < len(body)


PIECES = [b"5\r\n", b"0\r\n", b"\r\n", b"\n", b"hello", b"a:b\r\n", b"x" * 1100, b"2000\r\n", b"ffffffff\r\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=12), CUTS)
def test_no_mixture_of_right_pieces_does_more_than_be_refused(parts: list[bytes], cuts: list[int]) -> None:
    body = b"".join(parts)
    try:
        content, _ = unframed(body, cuts)
    except S3Error:
        return

    assert content in body.replace(b"\r\n", b"") or content in body


BODY = framed([b"hello"], {"a": "b"})


@pytest.mark.parametrize("end", range(len(BODY)))
def test_a_body_that_breaks_off_anywhere_is_not_whole(end: int) -> None:
    assert refused(BODY[:end]) == "IncompleteBody"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"hello", "IncompleteBody"),
        (b"hello\r\n", "InvalidRequest"),
        (b"-5\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"0x5\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"5 \r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"fffffffff\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"4\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0\r\n\r\n", "InvalidRequest"),
        (b"5\r\nhello\r\n0\r\n\r\nmore", "InvalidRequest"),
        (b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n", "InvalidChunkSizeError"),
        (b"1" * 2000, "InvalidRequest"),
        (b"0\r\nno colon\r\n\r\n", "MalformedTrailerError"),
        (b"0\r\na:b\r\na:b\r\n\r\n", "MalformedTrailerError"),
        (b"0\r\n" + b"".join(b"a%d:b\r\n" % n for n in range(17)) + b"\r\n", "MalformedTrailerError"),
        (b"0\r\na:" + b"b" * 2000 + b"\r\n\r\n", "InvalidRequest"),
    ],
)
def test_a_body_framed_wrongly_is_refused(body: bytes, code: str) -> None:
    assert refused(body) == code


def test_frames_without_a_signature_are_refused_where_one_was_promised() -> None:
    assert refused(framed([b"hello"]), signed_by=chain()) == "InvalidRequest"


def test_a_trailer_without_a_signature_is_refused_where_frames_are_signed() -> None:
    body = signed([b"hello"]).removesuffix(b"\r\n") + written(TRAILER) + b"\r\n"

    assert refused(body, signed_by=chain()) == "SignatureDoesNotMatch"


def test_signed_frames_cannot_be_swapped() -> None:
    one, two = b"a" * MIN_FRAME_BYTES, b"b" * MIN_FRAME_BYTES
    body, frame = signed([one, two]), len(signed([one])) - len(signed([]))

    swapped = body[frame : 2 * frame] + body[:frame] + body[2 * frame :]

    assert refused(swapped, signed_by=chain()) == "SignatureDoesNotMatch"
