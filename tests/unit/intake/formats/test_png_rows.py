import struct
import zlib

import pytest
from PIL import Image

from limner.intake.formats.header import BrokenError
from limner.intake.formats.png_rows import check_rows, last_row_has_data
from unit.intake.pictures import encoded, png, png_chunk, scene


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (33, 21), (64, 64)])
def test_all_rows_of_a_picture_are_found(mode: str, size: tuple[int, int]) -> None:
    check_rows(encoded(Image.new("RGB", size).convert(mode), "PNG"))


def test_one_row_less_is_noticed() -> None:
    full, short = png(64, 64, depth=8, colour=6), png(64, 63, depth=8, colour=6)

    with pytest.raises(BrokenError, match="rows are missing"):
        check_rows(full[:33] + short[33:])


def interlaced(width: int, height: int, missing: int = 0) -> bytes:
    """An interlaced grey picture: seven small pictures one after the other."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    sizes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in passes]
    raw = bytes(sum((1 + w) * h for w, h in sizes if w))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1))
    data = png_chunk(b"IDAT", zlib.compress(raw[: len(raw) - missing]))
    return b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 3), (40, 31)])
def test_interlaced_pictures_are_counted_by_pass(size: tuple[int, int]) -> None:
    check_rows(interlaced(*size))

    with pytest.raises(BrokenError):
        check_rows(interlaced(*size, missing=1))


def test_damaged_data_is_noticed() -> None:
    data = bytearray(encoded(scene(), "PNG"))
    start = data.index(b"IDAT")
    data[start + 4 : start + 8] = b"\0\0\0\0"

    with pytest.raises(BrokenError, match="damaged"):
        check_rows(bytes(data))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_last_row_that_shows_something_needs_no_counting(mode: str) -> None:
    picture = Image.new("RGB", (40, 30), "white").convert(mode)

    assert last_row_has_data(picture, encoded(picture, "PNG"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_black_last_row_may_have_been_filled_in(mode: str) -> None:
    picture = Image.new(mode, (40, 30))

    assert not last_row_has_data(picture, encoded(picture, "PNG"))


def test_the_last_row_of_an_interlaced_picture_proves_nothing() -> None:
    assert not last_row_has_data(Image.new("L", (40, 31), 255), interlaced(40, 31))
