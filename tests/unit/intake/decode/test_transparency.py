import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from limner.intake.image_files import ImageFiles
from unit.intake.pictures import png_chunk

CASES = {
    "grey of 1 bit": (1, 0, b"\x40", struct.pack(">H", 1)),
    "grey of 2 bits": (2, 0, b"\x90", struct.pack(">H", 1)),
    "grey of 4 bits": (4, 0, b"\x35", struct.pack(">H", 5)),
    "grey of 8 bits": (8, 0, b"\x35\x7f", struct.pack(">H", 0x7F)),
    "grey of 16 bits": (16, 0, b"\x35\x00\x7f\x01", struct.pack(">H", 0x7F01)),
    "RGB of 8 bits": (8, 2, b"\x01\x02\x03\x0a\x0b\x0c", struct.pack(">3H", 10, 11, 12)),
    "RGB of 16 bits": (
        16,
        2,
        b"\x01\x00\x02\x00\x03\x00\x0a\x01\x0b\x02\x0c\x03",
        struct.pack(">3H", 0xA01, 0xB02, 0xC03),
    ),
}
"""Depth, colour type, the samples of two pixels, and the transparent colour: the second pixel's."""


def two_columns(depth: int, colour: int, pixels: bytes, key: bytes) -> bytes:
    """A PNG of 32 rows that repeat two pixels; of the low depths only the first two samples of a row are used."""
    if depth < 8:
        first, second = (int.from_bytes(pixels) >> (8 - depth * (n + 1)) & ((1 << depth) - 1) for n in (0, 1))
        bits = "".join(f"{first:0{depth}b}{second:0{depth}b}" for _ in range(16))
        row = int(bits, 2).to_bytes(len(bits) // 8)
    else:
        row = pixels * 16
    chunks = [
        png_chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, depth, colour, 0, 0, 0)),
        png_chunk(b"tRNS", key),
        png_chunk(b"IDAT", zlib.compress((b"\0" + row) * 32)),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("case", CASES)
def test_a_transparent_colour_keeps_its_alpha(
    case: str, put: Callable[[bytes], Path], intake: ImageFiles, tmp_path: Path
) -> None:
    source = put(two_columns(*CASES[case]))
    intake.inspect(source)

    intake.normalise(source, tmp_path / "clean")

    with Image.open(tmp_path / "clean") as clean:
        assert clean.mode == "RGBA"
        alpha = clean.getchannel("A")
        assert [alpha.getpixel((x, 5)) for x in range(4)] == [255, 0, 255, 0]
