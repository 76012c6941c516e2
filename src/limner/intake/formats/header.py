"""The parsed header of an image and its container without metadata."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final


class BrokenError(Exception):
    """The bytes are not a complete picture; the message completes "cannot be decoded: ..."."""


@dataclass(frozen=True, slots=True)
class Header:
    """Facts from the container, read without decoding.

    `stripped` is the file without comments, text, EXIF, XMP and colour profiles, so that decompression bombs in them
    never reach the decoder. `orientation` is EXIF's 1 to 8, `profile` an ICC profile. `complete` is false when the file
    ends without its end marker; `stripped` has one nevertheless.
    """

    width: int
    height: int
    stripped: bytes
    orientation: int = 1
    profile: bytes | None = None
    animated: bool = False
    lossless: bool = False
    complete: bool = True


MAX_PROFILE: Final = 4 * 1024 * 1024
"""Size limit of an ICC profile; large printing profiles have about 3 MB."""

_ORIENTATION_TAG: Final = 0x0112


def orientation(exif: bytes) -> int:
    """The orientation in an EXIF block; 1 where it is missing, out of range or damaged."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        value = _first_directory_value(tiff, order)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def _first_directory_value(tiff: bytes, order: str) -> int:
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION_TAG:
            return int(value)
    return 1


def inflate(data: bytes, limit: int) -> bytes | None:
    """`data` inflated, or None if it is damaged or larger than `limit` bytes."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, limit)
    except zlib.error:
        return None
    return plain if unpacker.eof else None
