"""What a file says about how it was made, and what it was before Limner's mark was added. Claims, not proofs."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

_SOURCE: Final = re.compile(rb"DigitalSourceType(?:\s*=\s*[\"']|>)\s*(?:https?://[\w./-]{1,200}/)?(\w{1,80})")
_TOOL: Final = re.compile(rb"CreatorTool(?:\s*=\s*[\"']|>)([^\"'<]{1,200})")
_MANIFEST: Final = re.compile(rb"jumd.{16}.c2pa\0", re.DOTALL)
"""The description box of a C2PA manifest store (C2PA 2.2, section 11.1), whichever container it is in."""

_BEGIN: Final = b'<?xpacket begin="\xef\xbb\xbf"'
_END: Final = b'<?xpacket end="r"?>'
_OWN_TOOL: Final = b'CreatorTool="Limner'
_PACKET_WITHIN: Final = 4096


@dataclass(frozen=True, slots=True)
class FoundMarks:
    """`source` is a term of IPTC's vocabulary, `tool` the program's name; None where the file says none.

    `has_manifest` says that there is a C2PA manifest, not that it is valid.
    """

    source: str | None
    tool: str | None
    has_manifest: bool


def found_marks(data: bytes) -> FoundMarks:
    source, tool = _SOURCE.search(data), _TOOL.search(data)
    return FoundMarks(
        source[1].decode("ascii") if source else None,
        unescape(tool[1].decode("utf-8", "replace")) if tool else None,
        _MANIFEST.search(data) is not None,
    )


def before_mark(media_type: str, data: bytes) -> Iterator[bytes]:
    """What the file may have been before Limner added a packet of its own: nothing where it has none.

    A picture that had XMP before is not among them.
    """
    packet = _own_packet(data)
    if packet is None:
        return
    start, end = packet
    match media_type:
        case "image/png":
            head = data.rfind(b"iTXt", 0, start) - 4
            yield data[:head] + data[end + 4 :]
        case "image/jpeg":
            head = data.rfind(b"\xff\xe1", 0, start)
            yield data[:head] + data[end:]
        case "image/webp":
            yield from _webp_before(data, start, end)


def _own_packet(data: bytes) -> tuple[int, int] | None:
    """Where our packet is. Found from its middle: a file may be full of beginnings."""
    tool = data.find(_OWN_TOOL)
    if tool < 0:
        return None
    start = data.rfind(_BEGIN, max(0, tool - _PACKET_WITHIN), tool)
    end = data.find(_END, tool, tool + _PACKET_WITHIN)
    return (start, end + len(_END)) if start >= 0 and end >= 0 else None


def _webp_before(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """The header in front of the picture was added too, or only its flag was set."""
    rest = data[: start - 8] + data[end + (end - start) % 2 :]
    flag = bytes([data[20] & ~0x04])
    for file in (rest[:20] + flag + rest[21:], rest[:12] + rest[30:]):
        yield file[:4] + struct.pack("<I", len(file) - 8) + file[8:]
