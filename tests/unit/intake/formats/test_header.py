import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.intake.formats.header import inflate, orientation
from unit.intake.pictures import exif


@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_read_from_real_exif(value: int) -> None:
    assert orientation(exif(value)) == value


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read_with_and_without_the_exif_prefix(order: str) -> None:
    mark = b"II" if order == "<" else b"MM"
    block = mark + struct.pack(f"{order}HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, 6, 0)

    assert (orientation(block), orientation(b"Exif\0\0" + block)) == (6, 6)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_absurd_orientation_is_upright(value: int) -> None:
    block = b"II" + struct.pack("<HIHHHIHH", 42, 8, 1, 0x0112, 3, 1, value, 0)

    assert orientation(block) == 1


@pytest.mark.parametrize("start", [0, 7, 2**32 - 1])
def test_a_directory_that_points_anywhere_is_upright(start: int) -> None:
    assert 1 <= orientation(b"II" + struct.pack("<HIH", 42, start, 65535)) <= 8


@given(st.binary(max_size=300))
def test_hostile_exif_never_raises(data: bytes) -> None:
    assert 1 <= orientation(b"Exif\0\0MM\0*" + data) <= 8


def test_inflating_stops_at_the_limit() -> None:
    packed = zlib.compress(bytes(10_000_000))

    assert inflate(packed, 1000) is None
    assert inflate(zlib.compress(b"short"), 1000) == b"short"
    assert inflate(b"garbage", 1000) is None
