"""The chunks of a WebP (RFC 9649, section 2)."""

import struct
from collections.abc import Iterator
from typing import Final

from limner.intake.formats.header import MAX_PROFILE, BrokenError, Header, orientation

_KEPT: Final = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH"})
_MAX_CHUNKS: Final = 1_000
_ANIMATION: Final = 0x02
_FRAME_HEAD: Final = 16
# The only VP8X flag that stays true without metadata: has alpha.
_ALPHA: Final = 0x10

_Chunk = tuple[bytes, memoryview]
"""A chunk's name and its content."""


def read(data: bytes) -> Header:
    chunks = _without_animation(list(_chunks(memoryview(data))))
    width, height = _size(chunks)
    return Header(
        width,
        height,
        _stripped(chunks),
        orientation=orientation(_first(chunks, b"EXIF")),
        profile=_first(chunks, b"ICCP")[:MAX_PROFILE] or None,
        animated=_animated(chunks),
        lossless=any(name == b"VP8L" for name, _ in chunks),
    )


def _chunks(data: memoryview) -> Iterator[_Chunk]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise BrokenError("the WebP is truncated")
    return _chunks_in(data, 12, end)


def _without_animation(chunks: list[_Chunk]) -> list[_Chunk]:
    """The chunks of the frame in place of an animation that has one frame of the size of the canvas."""
    frames = [content for name, content in chunks if name == b"ANMF"]
    if len(frames) != 1 or len(frames[0]) < _FRAME_HEAD or chunks[0][0] != b"VP8X" or len(chunks[0][1]) < 10:
        return chunks
    (frame,), canvas = frames, chunks[0][1]
    if any(frame[:6]) or frame[6:12] != canvas[4:10]:
        return chunks
    still = bytes([canvas[0] & ~_ANIMATION]) + bytes(canvas[1:])
    others = [(name, content) for name, content in chunks[1:] if name not in {b"ANIM", b"ANMF"}]
    return [(b"VP8X", memoryview(still)), *_chunks_in(frame, _FRAME_HEAD, len(frame)), *others]


def _chunks_in(data: memoryview, at: int, end: int) -> Iterator[_Chunk]:
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise BrokenError("the WebP is truncated")
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise BrokenError(f"the WebP has more than {_MAX_CHUNKS} chunks")


def _size(chunks: list[_Chunk]) -> tuple[int, int]:
    """The canvas size, stored in one of three ways."""
    match chunks:
        case [(b"VP8X", content), *_] if len(content) >= 10:
            return 1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little")
        case [(b"VP8 " | b"VP8L" as name, content), *_]:
            return _frame_size(name, content)
        case _:
            raise BrokenError("the WebP does not begin with a picture")


def _frame_size(name: bytes, content: memoryview) -> tuple[int, int]:
    head = bytes(content[:10])
    if name == b"VP8L" and head[:1] == b"\x2f" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise BrokenError("the WebP's picture has no size")


def _stripped(chunks: list[_Chunk]) -> bytes:
    """The file without EXIF, XMP, ICC and unknown chunks."""
    body = b"WEBP" + b"".join(_packed(name, content) for name, content in chunks if name in _KEPT)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _packed(name: bytes, content: memoryview) -> bytes:
    flags = bytes(byte & (_ALPHA if name == b"VP8X" else 0xFF) for byte in content[:1])
    return b"".join([struct.pack("<4sI", name, len(content)), flags, content[1:], b"\0" * (len(content) % 2)])


def _animated(chunks: list[_Chunk]) -> bool:
    name, content = chunks[0]
    flagged = name == b"VP8X" and bool(content[0] & _ANIMATION)
    return flagged or any(name in {b"ANIM", b"ANMF"} for name, _ in chunks)


def _first(chunks: list[_Chunk], wanted: bytes) -> bytes:
    return next((bytes(content) for name, content in chunks if name == wanted), b"")
