"""The segments of a JPEG (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from limner.intake.formats.header import MAX_PROFILE, BrokenError, Header, orientation

_SOI: Final = b"\xff\xd8"
EOI: Final = b"\xff\xd9"
_SOS: Final = 0xDA
_APP1: Final = 0xE1
_APP2: Final = 0xE2
# C4, C8 and CC are tables or reserved; the others from C0 to CF begin a frame.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Drop comments and application segments except JFIF's and Adobe's (APP0, APP14), which define the colour encoding.
_DROPPED: Final = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}
# After scan data comes the first FF that neither is stuffed (00), nor a restart (D0 to D7), nor fill (FF).
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Encoders write about ten scans. Each costs a pass over the whole picture, so thousands are an attack.
_MAX_SCANS: Final = 100
_MAX_SEGMENTS: Final = 5_000
# Fill bytes are legal, but decoding long runs takes quadratic time.
_FILLER: Final = b"\xff" * 1024


@dataclass(frozen=True, slots=True)
class _Segment:
    """`whole` is marker, length and content, for a start of scan also the scan's data.

    `complete` is false when the file ends within the scan's data.
    """

    marker: int
    content: bytes
    whole: memoryview
    complete: bool = True


def read(data: bytes) -> Header:
    segments = list(_segments(data))
    width, height = _size(segments)
    stripped = b"".join([_SOI, *(s.whole for s in segments if s.marker not in _DROPPED), EOI])
    return Header(
        width,
        height,
        stripped,
        orientation=_orientation(segments),
        profile=_profile(segments),
        complete=segments[-1].complete,
    )


def _segments(data: bytes) -> Iterator[_Segment]:
    """Every segment up to the end of the first picture; phones append more (gain maps, videos)."""
    at = len(_SOI)
    for _ in range(_MAX_SEGMENTS):
        at = _marker_at(data, at)
        if data[at + 1] == EOI[1]:
            return
        segment = _segment_at(data, at)
        yield segment
        at += len(segment.whole)
        if not segment.complete:
            return
    raise BrokenError(f"the JPEG has more than {_MAX_SEGMENTS} segments")


def _marker_at(data: bytes, at: int) -> int:
    """Offset of the next marker at or after `at`, skipping fill bytes."""
    found = _NEXT_MARKER.search(data, at)
    if found is None:
        raise BrokenError("the JPEG is truncated")
    return found.start()


def _segment_at(data: bytes, at: int) -> _Segment:
    marker, end = data[at + 1], at + 4
    if end <= len(data):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if end < at + 4 or end > len(data):
        raise BrokenError("the JPEG is truncated")
    content, complete = data[at + 4 : end], True
    if marker == _SOS:
        end, complete = _scan_end(data, end)
    return _Segment(marker, content, memoryview(data)[at:end], complete)


def _scan_end(data: bytes, start: int) -> tuple[int, bool]:
    """Where the scan's data ends, and whether a marker follows. Without one its last byte may be half a marker."""
    found = _NEXT_MARKER.search(data, start)
    end = found.start() if found else len(data.rstrip(b"\xff"))
    if data.find(_FILLER, start, found.start() if found else len(data)) >= 0:
        raise BrokenError("the JPEG is padded with filler")
    if end <= start:
        raise BrokenError("the JPEG is truncated")
    return end, found is not None


def _size(segments: list[_Segment]) -> tuple[int, int]:
    frames = [s.content for s in segments if s.marker in _FRAMES]
    scans = sum(s.marker == _SOS for s in segments)
    if len(frames) != 1 or len(frames[0]) < 6 or not scans:
        raise BrokenError("the JPEG does not hold exactly one picture")
    if scans > _MAX_SCANS:
        raise BrokenError(f"the JPEG has more than {_MAX_SCANS} scans")
    height, width = struct.unpack_from(">HH", frames[0], 1)
    return width, height


def _orientation(segments: list[_Segment]) -> int:
    blocks = (s.content for s in segments if s.marker == _APP1 and s.content.startswith(b"Exif\0\0"))
    return orientation(next(blocks, b""))


def _profile(segments: list[_Segment]) -> bytes | None:
    """Join the profile from its numbered pieces of at most 64 KB (ICC.1, annex B.4)."""
    marked = [s.content for s in segments if s.marker == _APP2 and s.content.startswith(b"ICC_PROFILE\0")]
    pieces = sorted(marked, key=lambda piece: piece[12:13])
    profile = b"".join(piece[14:] for piece in pieces)
    return profile if 0 < len(profile) <= MAX_PROFILE else None
