"""The chunks of a PNG (W3C PNG, third edition, section 5)."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from limner.intake.formats import cicp
from limner.intake.formats.header import MAX_PROFILE, BrokenError, Header, inflate, orientation

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_IEND: Final = b"\0\0\0\0IEND\xae\x42\x60\x82"
# A 20 MB picture written in libpng's 8 KB chunks has 2,500; walking millions of empty ones would take seconds.
_MAX_CHUNKS: Final = 50_000

_Chunk = tuple[bytes, memoryview]
"""A chunk's name and all its bytes: length, name, content, checksum."""


def read(data: bytes) -> Header:
    chunks = list(_chunks(memoryview(data)))
    complete = chunks[-1][0] == b"IEND"
    width, height = _size(chunks)
    stripped = _stripped(data, chunks if complete else [*chunks, (b"IEND", memoryview(_IEND))])
    return Header(
        width,
        height,
        stripped,
        orientation=orientation(_first(chunks, b"eXIf")),
        profile=cicp.profile(_first(chunks, b"cICP")) or _profile(_first(chunks, b"iCCP")),
        animated=_frames(_first(chunks, b"acTL")) > 1,
        lossless=True,
        complete=complete,
    )


def _stripped(data: bytes, chunks: list[_Chunk]) -> bytes:
    """The file without metadata chunks; not copied if there are none."""
    pieces = [whole for name, whole in chunks if name in _KEPT]
    if len(_SIGNATURE) + sum(map(len, pieces)) == len(data):
        return data
    return b"".join([_SIGNATURE, *pieces])


def _chunks(data: memoryview) -> Iterator[_Chunk]:
    """Every chunk up to IEND; bytes after it are ignored. IEND itself may be missing, or a part of it."""
    at, has_data = len(_SIGNATURE), False
    for _ in range(_MAX_CHUNKS):
        if has_data and len(data) - at < len(_IEND) and _IEND.startswith(bytes(data[at:])):
            return
        name, whole = _chunk_at(data, at)
        has_data = has_data or name == b"IDAT"
        yield name, whole
        if name == b"IEND":
            return
        at += len(whole)
    raise BrokenError(f"the PNG has more than {_MAX_CHUNKS} chunks")


def _chunk_at(data: memoryview, at: int) -> _Chunk:
    if at + 12 > len(data):
        raise BrokenError("the PNG is truncated")
    length, name = struct.unpack_from(">I4s", data, at)
    end = at + 12 + length
    if end > len(data):
        raise BrokenError("the PNG is truncated")
    whole = data[at:end]
    if name in _KEPT and zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
        raise BrokenError(f"the checksum of the PNG's {name.decode()} chunk is wrong")
    return name, whole


def _size(chunks: list[_Chunk]) -> tuple[int, int]:
    names = [name for name, _ in chunks]
    if names[0] != b"IHDR" or names.count(b"IHDR") != 1 or len(chunks[0][1]) != 12 + 13:
        raise BrokenError("the PNG does not begin with one header chunk")
    if b"IDAT" not in names:
        raise BrokenError("the PNG holds no picture data")
    width, height = struct.unpack_from(">II", chunks[0][1], 8)
    return width, height


def _frames(chunk: bytes) -> int:
    """The number of frames in an animation control chunk; 0 without one, 2 for a damaged one."""
    if not chunk:
        return 0
    return int.from_bytes(chunk[:4], "big") if len(chunk) == 8 else 2


def _first(chunks: list[_Chunk], wanted: bytes) -> bytes:
    return next((bytes(whole[8:-4]) for name, whole in chunks if name == wanted), b"")


def _profile(chunk: bytes) -> bytes | None:
    """The chunk holds a name, a zero, the method (always 0) and the packed profile."""
    _name, _, packed = chunk.partition(b"\0")
    return inflate(packed[1:], MAX_PROFILE) if packed else None
