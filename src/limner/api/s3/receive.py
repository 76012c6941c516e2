"""Receiving a body: unframed, capped, and checked in every way the request asks for, into a file."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.api.s3 import checksums
from limner.api.s3.errors import S3Error
from limner.api.s3.signature import UNSIGNED, Authorization, Chain, RequestHead
from limner.api.s3.unframe import Unframer

LARGEST = 20 * 1024 * 1024
"""Bytes of a picture, whether it comes at once or in parts."""

_AT_ONCE = 256 * 1024
"""Bytes collected before they are handed to a thread: the wire brings them in smaller pieces."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FRAMED = re.compile(r"STREAMING-(UNSIGNED-PAYLOAD-TRAILER|AWS4-HMAC-SHA256-PAYLOAD(?:-TRAILER)?)")


@dataclass(frozen=True, slots=True)
class Promise:
    """What the head of a request says of its body."""

    framed: bool
    chain: Chain | None
    """Set when each frame is signed."""
    sha256: str | None
    md5: bytes | None
    size: int | None
    said: Mapping[str, str]
    later: frozenset[str]


@dataclass(frozen=True, slots=True)
class Received:
    """What came. `checksums` are those that were promised, and true."""

    size: int
    md5: bytes
    checksums: Mapping[str, bytes]


def read_promise(head: RequestHead, authorization: Authorization, chain: Chain) -> Promise:
    """Raises `S3Error` for a body that need not even be sent."""
    framed = _FRAMED.fullmatch(authorization.payload)
    signed = _SHA256.fullmatch(authorization.payload)
    if not framed and not signed and authorization.payload != UNSIGNED:
        raise S3Error(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER] or a valid sha256 value.",
        )
    return Promise(
        framed=bool(framed),
        chain=chain if framed and framed[1].startswith("AWS4") else None,
        sha256=authorization.payload if signed else None,
        md5=checksums.promised_md5(head),
        size=_size(head, framed=bool(framed)),
        said=checksums.promised(head),
        later=frozenset(checksums.promised_later(head)),
    )


async def receive(body: AsyncIterator[bytes], promise: Promise, path: Path) -> Received:
    """Write the content into `path`. Raises `S3Error` for a byte too many, and for any promise that is not kept."""
    intake = await asyncio.to_thread(_Arriving, promise, path)
    try:
        async for collected in _collected(body):
            await asyncio.to_thread(intake.take, collected)
        return await asyncio.to_thread(intake.finish)
    finally:
        await asyncio.to_thread(intake.close)


async def _collected(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: each is worth a thread's while."""
    collected = bytearray()
    async for piece in body:
        collected += piece
        if len(collected) >= _AT_ONCE:
            yield bytes(collected)
            collected.clear()
    yield bytes(collected)


class _Arriving:
    """A body on its way into a file. Each method blocks: call it in a thread."""

    def __init__(self, promise: Promise, path: Path) -> None:
        self._promise = promise
        self._unframer = Unframer(promise.chain) if promise.framed else None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if promise.sha256 else None
        self._digests = checksums.start(promise.said.keys() | promise.later)
        self._size = 0
        self._file = path.open("wb")

    def close(self) -> None:
        self._file.close()

    def take(self, data: bytes) -> None:
        for content in self._unframer.feed(data) if self._unframer else [data]:
            self._write(content)

    def finish(self) -> Received:
        """All of it is in the file, and is what it was said to be."""
        trailers = self._unframer.finish() if self._unframer else {}
        self._check(trailers)
        self._file.flush()
        return Received(self._size, self._md5.digest(), self._found())

    def _write(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > LARGEST:
            raise too_large()
        self._md5.update(content)
        if self._sha256:
            self._sha256.update(content)
        for digest in self._digests.values():
            digest.update(content)
        self._file.write(content)

    def _found(self) -> dict[str, bytes]:
        return {name: digest.digest() for name, digest in self._digests.items()}

    def _check(self, trailers: Mapping[str, str]) -> None:
        promise = self._promise
        if promise.size is not None and self._size != promise.size:
            raise S3Error(
                "IncompleteBody", f"{self._size} bytes came, and the request said that they would be {promise.size}."
            )
        if self._sha256 and not hmac.compare_digest(self._sha256.hexdigest(), promise.sha256 or ""):
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "The provided x-amz-content-sha256 header does not match what was computed.",
            )
        if promise.md5 is not None and promise.md5 != self._md5.digest():
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received. Send it again.")
        checksums.check({**promise.said, **_told_later(promise, trailers)}, self._found())


def too_large() -> S3Error:
    return S3Error(
        "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size. Send a picture of at most 20 MB."
    )


def _told_later(promise: Promise, trailers: Mapping[str, str]) -> dict[str, str]:
    told = {name.removeprefix(checksums.PREFIX): value for name, value in trailers.items()}
    if told.keys() != promise.later:
        raise S3Error("MalformedTrailerError", "What came behind the body is not what x-amz-trailer said would come.")
    return told


def _size(head: RequestHead, *, framed: bool) -> int | None:
    """How many bytes the content has; None where only its end will tell."""
    text = head.header("x-amz-decoded-content-length" if framed else "content-length")
    if text is None:
        if framed:
            raise S3Error("MissingContentLength", "You must provide x-amz-decoded-content-length with this body.")
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise S3Error("InvalidArgument", f"The length {text[:40]!r} is not a number of bytes.")
    if int(text) > LARGEST:
        raise too_large()
    return int(text)
