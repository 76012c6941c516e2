"""The checksums that S3 clients send along: what they promise, and what the bytes have."""

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
"""Headers that begin as a checksum's do and are none."""


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
    from awscrt.checksums import crc32c  # noqa: PLC0415 - takes a while to load, and few clients ask for it

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


def promised(head: RequestHead) -> dict[str, str]:
    """What the headers say the bytes will have, in base64, by algorithm."""
    names = {name.removeprefix(PREFIX) for name, _ in head.headers if name.startswith(PREFIX)} - _NOT_VALUES
    return {checked_name(name): head.header(PREFIX + name) or "" for name in names}


def promised_later(head: RequestHead) -> set[str]:
    """The algorithms whose checksums will come behind the body."""
    named = (head.header("x-amz-trailer") or "").lower().split(",")
    return {checked_name(name.strip().removeprefix(PREFIX)) for name in named if name.strip()}


def promised_md5(head: RequestHead) -> bytes | None:
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


def check(said: Mapping[str, str], found: Mapping[str, bytes]) -> None:
    """Refuse bytes that have not the checksums they were said to have."""
    for name, value in said.items():
        if value != spelled(found[name]):
            raise S3Error(
                "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum. Send it again."
            )


def spelled(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def as_headers(found: Mapping[str, bytes]) -> dict[str, str]:
    """What was checked, told back: a client may compare it once more."""
    told = {PREFIX + name: spelled(digest) for name, digest in found.items()}
    return told | {f"{PREFIX}type": "FULL_OBJECT"} if told else {}


def start(names: Collection[str]) -> dict[str, Digest]:
    """Blocking, for a library may have to be loaded: call it in a thread."""
    return {name: ALGORITHMS[name]() for name in sorted(names)}
