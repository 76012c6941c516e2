"""Checks that a PNG holds all of its rows: Pillow silently fills in missing ones."""

import zlib
from typing import Final

from PIL.Image import Image

from limner.intake.formats.header import BrokenError

# Adam7: first column, first row, and the steps to the next, for each of the seven passes.
_PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = frozenset({1, 2, 4, 8, 16})
_STEP: Final = 1024 * 1024
_INTERLACED: Final = 28
"""Offset of the interlace method."""


def last_row_has_data(picture: Image, stripped: bytes) -> bool:
    """Whether the last decoded row has a nonzero byte: missing rows are filled with zeros, so all are present then.

    Never true for an interlaced picture, whose last row may be present while others are missing.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return not stripped[_INTERLACED] and bool(last.tobytes().strip(b"\0"))


def check_rows(stripped: bytes) -> None:
    """Inflate the data in steps of 1 MiB and count. `stripped` is from `png.read`. Raises `BrokenError`."""
    wanted = _raw_size(stripped)
    if _unpacked_size(stripped, wanted) < wanted:
        raise BrokenError("rows are missing at its end")


def _raw_size(stripped: bytes) -> int:
    """Bytes of all rows with their filter bytes, computed from the header."""
    width, height = int.from_bytes(stripped[16:20], "big"), int.from_bytes(stripped[20:24], "big")
    depth, colour, _method, _filter, interlaced = stripped[24:29]
    if depth not in _DEPTHS or colour not in _CHANNELS:
        raise BrokenError("its header asks for pixels that PNG does not know")
    bits = depth * _CHANNELS[colour]
    if not interlaced:
        return _pass_size(width, height, bits)
    return sum(
        _pass_size(-(-(width - column) // across), -(-(height - row) // down), bits)
        for column, row, across, down in _PASSES
    )


def _pass_size(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0


def _unpacked_size(stripped: bytes, enough: int) -> int:
    unpacker, total = zlib.decompressobj(), 0
    try:
        for packed in _data_chunks(stripped):
            rest: bytes | memoryview = packed
            while rest and total < enough:
                total += len(unpacker.decompress(rest, _STEP))
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise BrokenError("its data is damaged") from error
    return total + len(unpacker.flush())


def _data_chunks(stripped: bytes) -> list[memoryview]:
    view, at, found = memoryview(stripped), 8, []
    while at < len(stripped):
        length = int.from_bytes(view[at : at + 4], "big")
        if bytes(view[at + 4 : at + 8]) == b"IDAT":
            found.append(view[at + 8 : at + 8 + length])
        at += 12 + length
    return found
