"""Marks in a WebP: an XMP chunk at its end, and the VP8X header that announces it (RFC 9649, section 2.7)."""

import struct
from typing import Final

from limner.marking.layout import Layout, MarkState, Splice
from limner.marking.window import Reading, UnreadableContainer, Window
from limner.marking.xmp import MAX_PACKET, Mark, says_its_source

_FIRST_CHUNK: Final = 12
_HAS_XMP: Final = 0x04
_HAS_ALPHA: Final = 0x10
_MANIFEST: Final = b"C2PA"
_MAX_RIFF: Final = 0xFFFFFFF6
_MAX_CHUNKS: Final = 1_000
_HEADS: Final = 18
"""A chunk's header and the first bytes of its picture, which hold its size."""


def webp_layout(window: Window, mark: Mark) -> Reading[Layout]:
    head = yield from window.read(0, _FIRST_CHUNK)
    kind, riff, form = struct.unpack("<4sI4s", head)
    end = 8 + riff
    if (kind, form) != (b"RIFF", b"WEBP") or end > window.size:
        raise UnreadableContainer("a WebP is a whole RIFF file")
    header = yield from _header(window)
    xmp = Splice(end, 0, _chunk(b"XMP ", mark.packet()))
    at = _FIRST_CHUNK
    for _ in range(_MAX_CHUNKS):
        if at > end:
            raise UnreadableContainer("the WebP's last chunk ends behind the file")
        if at + 8 > end:
            return _marked(window.size, riff, header, xmp)
        name, length = struct.unpack("<4sI", (yield from window.read(at, 8)))
        after = at + 8 + length + length % 2
        if name == _MANIFEST:
            return Layout(window.size, MarkState.VENDOR)
        if name == b"XMP ":
            content = yield from window.read(at + 8, min(length, MAX_PACKET))
            if says_its_source(content):
                return Layout(window.size, MarkState.VENDOR)
            xmp = Splice(at, after - at, _merged(content, length, mark))
        at = after
    raise UnreadableContainer("a WebP with more chunks than any encoder writes")


def _marked(size: int, riff: int, header: Splice, xmp: Splice) -> Layout:
    grown = sum(len(each.inserted) - each.removed for each in (header, xmp))
    if riff + grown > _MAX_RIFF:
        raise UnreadableContainer("the WebP is as large as a WebP can be")
    length = Splice(4, 4, struct.pack("<I", riff + grown))
    return Layout(size, MarkState.ADDED, [length, header, xmp])


def _header(window: Window) -> Reading[Splice]:
    """The VP8X header with the flag for XMP: the file's own, or one in front of a simple file's picture."""
    head = yield from window.read(_FIRST_CHUNK, min(_HEADS, window.size - _FIRST_CHUNK))
    name, flags = head[:4], head[8:9]
    if name == b"VP8X" and flags:
        return Splice(_FIRST_CHUNK + 8, 1, bytes([flags[0] | _HAS_XMP]))
    width, height, alpha = _simple(name, head[8:])
    content = (
        bytes([_HAS_XMP | alpha, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    return Splice(_FIRST_CHUNK, 0, _chunk(b"VP8X", content))


def _simple(name: bytes, frame: bytes) -> tuple[int, int, int]:
    """Width, height and the flag for transparency of a picture without a VP8X header."""
    if name == b"VP8L" and frame[:1] == b"\x2f" and len(frame) >= 5:
        bits = int.from_bytes(frame[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), _HAS_ALPHA if bits >> 28 & 1 else 0
    if name == b"VP8 " and frame[3:6] == b"\x9d\x01\x2a" and len(frame) >= 10:
        width, height = struct.unpack_from("<HH", frame, 6)
        if width & 0x3FFF and height & 0x3FFF:
            return width & 0x3FFF, height & 0x3FFF, 0
    raise UnreadableContainer("a WebP begins with its picture")


def _merged(content: bytes, length: int, mark: Mark) -> bytes:
    merged = mark.merged(content) if len(content) == length else None
    if merged is None:
        raise UnreadableContainer("the XMP has no place for a mark")
    return _chunk(b"XMP ", merged)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
