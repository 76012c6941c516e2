"""Whether a PNG holds all of its rows: Pillow fills in for those that are missing without a word."""

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
"""Where the header says so."""


def reach_the_end(picture: Image, essence: bytes) -> bool:
    """Whether something of the last row came out of the decoder, which fills in black, and row after row.

    Then all rows were there, and need no counting. Of an interlaced picture the last row may be there and others not.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return not essence[_INTERLACED] and bool(last.tobytes().strip(b"\0"))


def check_rows(essence: bytes) -> None:
    """Unpack the picture's data a megabyte at a time and count. `essence` is what `png.read` left of the file."""
    wanted = _raw_size(essence)
    if _unpacked_size(essence, wanted) < wanted:
        raise BrokenError("rows are missing at its end")


def _raw_size(essence: bytes) -> int:
    """The bytes of all rows with their filter bytes, by the header at its fixed place."""
    width, height = int.from_bytes(essence[16:20], "big"), int.from_bytes(essence[20:24], "big")
    depth, colour, _method, _filter, interlaced = essence[24:29]
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


def _unpacked_size(essence: bytes, enough: int) -> int:
    unpacker, total = zlib.decompressobj(), 0
    try:
        for packed in _data_chunks(essence):
            rest: bytes | memoryview = packed
            while rest and total < enough:
                total += len(unpacker.decompress(rest, _STEP))
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise BrokenError("its data is damaged") from error
    return total + len(unpacker.flush())


def _data_chunks(essence: bytes) -> list[memoryview]:
    view, at, found = memoryview(essence), 8, []
    while at < len(essence):
        length = int.from_bytes(view[at : at + 4], "big")
        if bytes(view[at + 4 : at + 8]) == b"IDAT":
            found.append(view[at + 8 : at + 8 + length])
        at += 12 + length
    return found
