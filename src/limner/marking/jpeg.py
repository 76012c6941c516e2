"""Marks in a JPEG: an APP1 segment with XMP, after the segments that have to come first (JFIF and EXIF)."""

from typing import Final

from limner.marking.layout import Layout, MarkState, Splice
from limner.marking.window import Reading, UnreadableContainer, Window
from limner.marking.xmp import Mark, says_its_source

_SOI: Final = b"\xff\xd8"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_APP0: Final = 0xE0
_APP1: Final = 0xE1
_APP11: Final = 0xEB
_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP: Final = b"http://ns.adobe.com/xmp/extension/\0"
_JUMBF: Final = b"JP"
_C2PA_WITHIN: Final = 256
"""A manifest's label stands in the first bytes of its segment."""
_MAX_CONTENT: Final = 0xFFFF - 2
_MAX_SEGMENTS: Final = 5_000


def jpeg_layout(window: Window, mark: Mark) -> Reading[Layout]:
    """Walks the segments before the first scan: metadata stands there."""
    if (yield from window.read(0, 2)) != _SOI:
        raise UnreadableContainer("a JPEG begins with FF D8")
    at, place, splice = 2, 2, None
    for _ in range(_MAX_SEGMENTS):
        head = yield from window.read(at, 4)
        marker, length = head[1], int.from_bytes(head[2:])
        if head[0] != 0xFF or marker == _EOI:
            raise UnreadableContainer("a JPEG consists of segments up to its scan")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SOS:
            added = splice or Splice(place, 0, _segment(mark.packet()))
            return Layout(window.size, MarkState.ADDED, [added])
        content = yield from window.read(at + 4, max(length - 2, 0))
        if _is_vendors(marker, content):
            return Layout(window.size, MarkState.VENDOR)
        if marker == _APP1 and content.startswith(_XMP) and splice is None:
            splice = Splice(at, 2 + length, _segment(mark.merged(content[len(_XMP) :])))
        if at == place and (marker == _APP0 or content.startswith(_EXIF)):
            place = at + 2 + length
        at += 2 + length
    raise UnreadableContainer("a JPEG with more segments than any encoder writes")


def _is_vendors(marker: int, content: bytes) -> bool:
    if marker == _APP11:
        return content.startswith(_JUMBF) and b"c2pa" in content[:_C2PA_WITHIN]
    return marker == _APP1 and content.startswith((_XMP, _MORE_XMP)) and says_its_source(content)


def _segment(packet: bytes | None) -> bytes:
    if packet is None or len(_XMP) + len(packet) > _MAX_CONTENT:
        raise UnreadableContainer("the XMP has no place for a mark")
    content = _XMP + packet
    return bytes([0xFF, _APP1]) + (2 + len(content)).to_bytes(2) + content
