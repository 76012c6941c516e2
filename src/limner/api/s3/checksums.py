"""Checksums that S3 clients declare in headers or trailers, and their verification."""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from limner.api.s3.errors import S3Error
from limner.api.s3.signature import RequestHead

PREFIX = "x-amz-checksum-"

_NOT_VALUES = {"algorithm", "mode", "type"}
"""Headers with the checksum prefix that are not checksums."""


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Crc:
    """A cyclic redundancy check, `size` bytes wide."""

    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _crc32c() -> Crc:
    from awscrt.checksums import crc32c  # noqa: PLC0415 - slow to load and rarely used

    return Crc(crc32c, 4)


def _crc64nvme() -> Crc:
    from awscrt.checksums import crc64nvme  # noqa: PLC0415 - as above

    return Crc(crc64nvme, 8)


ALGORITHMS: Mapping[str, Callable[[], Digest]] = {
    "crc32": lambda: Crc(zlib.crc32, 4),
    "crc32c": _crc32c,
    "crc64nvme": _crc64nvme,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}


def declared_checksums(head: RequestHead) -> dict[str, str]:
    """The checksums in the headers, in base64, by algorithm."""
    names = {name.removeprefix(PREFIX) for name, _ in head.headers if name.startswith(PREFIX)} - _NOT_VALUES
    return {checked_name(name): head.header(PREFIX + name) or "" for name in names}


def trailer_algorithms(head: RequestHead) -> set[str]:
    """The algorithms whose checksums follow in the trailer."""
    named = (head.header("x-amz-trailer") or "").lower().split(",")
    return {checked_name(name.strip().removeprefix(PREFIX)) for name in named if name.strip()}


def declared_md5(head: RequestHead) -> bytes | None:
    sent = head.header("content-md5")
    if sent is None:
        return None
    try:
        md5 = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        md5 = b""
    if len(md5) != hashlib.md5(usedforsecurity=False).digest_size:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified is not valid.")
    return md5


def checked_name(name: str) -> str:
    if name not in ALGORITHMS:
        known = ", ".join(sorted(each.upper() for each in ALGORITHMS))
        raise S3Error("InvalidRequest", f"The checksum algorithm {name[:40]!r} is not supported; {known} are.")
    return name


def check(expected: Mapping[str, str], found: Mapping[str, bytes]) -> None:
    """Raise `S3Error` unless the `found` digests equal the `expected` base64 checksums."""
    for name, value in expected.items():
        if value != base64_of(found[name]):
            raise S3Error(
                "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum. Send it again."
            )


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def as_headers(found: Mapping[str, bytes]) -> dict[str, str]:
    """Response headers with the verified checksums."""
    headers = {PREFIX + name: base64_of(digest) for name, digest in found.items()}
    return headers | {f"{PREFIX}type": "FULL_OBJECT"} if headers else {}


def start(names: Collection[str]) -> dict[str, Digest]:
    """New digests by name. May import a library: call it in a thread."""
    return {name: ALGORITHMS[name]() for name in sorted(names)}
