"""Receives a body into a file: removes aws-chunked framing, limits the size, verifies declared checksums."""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.api.http.bodies.blocks import in_blocks
from limner.api.s3 import checksums
from limner.api.s3.errors import S3Error
from limner.api.s3.signature import UNSIGNED, Authorization, RequestHead, SignatureChain
from limner.api.s3.unframe import Unframer
from limner.threads import closing_in_thread, in_thread

MAX_OBJECT_BYTES = 20 * 1024 * 1024
"""Size limit of an object, uploaded at once or in parts."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FRAMED = re.compile(r"STREAMING-(UNSIGNED-PAYLOAD-TRAILER|AWS4-HMAC-SHA256-PAYLOAD(?:-TRAILER)?)")


@dataclass(frozen=True, slots=True)
class DeclaredBody:
    """What the request head declares about the body. `checksums` in base64, by algorithm."""

    framed: bool
    chain: SignatureChain | None
    """Set when each frame is signed."""
    sha256: str | None
    md5: bytes | None
    size: int | None
    checksums: Mapping[str, str]
    trailer_algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Received:
    """The received content. `checksums` are the verified digests, by algorithm."""

    size: int
    md5: bytes
    checksums: Mapping[str, bytes]


def declared_body(head: RequestHead, authorization: Authorization, chain: SignatureChain) -> DeclaredBody:
    """Parse the declaration. Raises `S3Error` where the head alone rules the body out."""
    framed = _FRAMED.fullmatch(authorization.payload)
    signed = _SHA256.fullmatch(authorization.payload)
    if not framed and not signed and authorization.payload != UNSIGNED:
        raise S3Error(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER] or a valid sha256 value.",
        )
    return DeclaredBody(
        framed=bool(framed),
        chain=chain if framed and framed[1].startswith("AWS4") else None,
        sha256=authorization.payload if signed else None,
        md5=checksums.declared_md5(head),
        size=_size(head, framed=bool(framed)),
        checksums=checksums.declared_checksums(head),
        trailer_algorithms=frozenset(checksums.trailer_algorithms(head)),
    )


async def receive(body: AsyncIterator[bytes], declared: DeclaredBody, path: Path) -> Received:
    """Write the content to `path`. Raises `S3Error` over the size limit or when a declaration does not hold."""
    async with closing_in_thread(_BodyWriter, declared, path) as writer:
        async for block in in_blocks(body):
            await in_thread(writer.take, block)
        return await in_thread(writer.finish)


class _BodyWriter:
    """Writes and digests a body. Every method blocks: call it in a thread."""

    def __init__(self, declared: DeclaredBody, path: Path) -> None:
        self._declared = declared
        self._unframer = Unframer(declared.chain) if declared.framed else None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if declared.sha256 else None
        self._digests = checksums.start(declared.checksums.keys() | declared.trailer_algorithms)
        self._size = 0
        self._file = path.open("wb")

    def close(self) -> None:
        self._file.close()

    def take(self, data: bytes) -> None:
        for content in self._unframer.feed(data) if self._unframer else [data]:
            self._write(content)

    def finish(self) -> Received:
        """Verify all declarations and flush. Raises `S3Error`."""
        trailers = self._unframer.finish() if self._unframer else {}
        self._check(trailers)
        self._file.flush()
        return Received(self._size, self._md5.digest(), self._found())

    def _write(self, content: bytes) -> None:
        self._size += len(content)
        if self._size > MAX_OBJECT_BYTES:
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
        declared = self._declared
        if declared.size is not None and self._size != declared.size:
            raise S3Error(
                "IncompleteBody", f"{self._size} bytes were received, but the request declared {declared.size}."
            )
        if self._sha256 and not hmac.compare_digest(self._sha256.hexdigest(), declared.sha256 or ""):
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "The provided x-amz-content-sha256 header does not match what was computed.",
            )
        if declared.md5 is not None and declared.md5 != self._md5.digest():
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received. Send it again.")
        checksums.check({**declared.checksums, **_trailer_checksums(declared, trailers)}, self._found())


def too_large() -> S3Error:
    return S3Error(
        "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size. Send a picture of at most 20 MB."
    )


def _trailer_checksums(declared: DeclaredBody, trailers: Mapping[str, str]) -> dict[str, str]:
    sent = {name.removeprefix(checksums.PREFIX): value for name, value in trailers.items()}
    if sent.keys() != declared.trailer_algorithms:
        raise S3Error("MalformedTrailerError", "The trailers are not the ones that x-amz-trailer declares.")
    return sent


def _size(head: RequestHead, *, framed: bool) -> int | None:
    """The declared content length; None for a chunked body."""
    text = head.header("x-amz-decoded-content-length" if framed else "content-length")
    if text is None:
        if framed:
            raise S3Error("MissingContentLength", "You must provide x-amz-decoded-content-length with this body.")
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise S3Error("InvalidArgument", f"The length {text[:40]!r} is not a number of bytes.")
    if int(text) > MAX_OBJECT_BYTES:
        raise too_large()
    return int(text)
