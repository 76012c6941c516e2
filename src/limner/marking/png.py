"""Marks in a PNG: an iTXt chunk with XMP (W3C PNG, third edition, section 11.3.3.5), right after the header."""

import struct
import zlib
from typing import Final

from limner.marking.layout import Layout, MarkState, Splice
from limner.marking.window import Reading, UnreadableContainer, Window
from limner.marking.xmp import MAX_PACKET, Mark, says_its_source

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_AFTER_HEADER: Final = len(_SIGNATURE) + 25
_MANIFEST: Final = b"caBX"
_KEYWORD: Final = b"XML:com.adobe.xmp\0"
_PLAIN: Final = _KEYWORD + b"\0\0\0\0"
"""The keyword, not compressed, with neither a language nor a translated keyword."""
_MAX_CHUNKS: Final = 50_000


def png_layout(window: Window, mark: Mark) -> Reading[Layout]:
    """Walks all chunks, because a manifest or XMP may stand after the pixels."""
    head = yield from window.read(0, _AFTER_HEADER)
    if head[:8] != _SIGNATURE or head[12:16] != b"IHDR":
        raise UnreadableContainer("a PNG begins with its header")
    at, splice = _AFTER_HEADER, Splice(_AFTER_HEADER, 0, _chunk(_PLAIN + mark.packet()))
    for _ in range(_MAX_CHUNKS):
        length, name = struct.unpack(">I4s", (yield from window.read(at, 8)))
        if name == b"IEND":
            return Layout(window.size, MarkState.ADDED, [splice])
        if name == _MANIFEST:
            return Layout(window.size, MarkState.VENDOR)
        if name == b"iTXt" and length >= len(_KEYWORD):
            content = yield from window.read(at + 8, min(length, MAX_PACKET))
            if content.startswith(_KEYWORD):
                if says_its_source(content):
                    return Layout(window.size, MarkState.VENDOR)
                splice = Splice(at, 12 + length, _merged(content, length, mark))
        at += 12 + length
    raise UnreadableContainer("a PNG with more chunks than any encoder writes")


def _merged(content: bytes, length: int, mark: Mark) -> bytes:
    if len(content) < length or not content.startswith(_PLAIN):
        raise UnreadableContainer("the XMP is too large, compressed or has a language")
    merged = mark.merged(content[len(_PLAIN) :])
    if merged is None:
        raise UnreadableContainer("the XMP has no place for a mark")
    return _chunk(_PLAIN + merged)


def _chunk(content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), b"iTXt") + content + struct.pack(">I", zlib.crc32(b"iTXt" + content))
