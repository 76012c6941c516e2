from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from limner.intake.formats.cicp import profile
from limner.intake.image_files import ImageFiles
from unit.intake.pictures import encoded, png_chunk

BT2020_PQ, BT2020_HLG, P3, SRGB = (
    bytes([9, 16, 0, 1]),
    bytes([9, 18, 0, 1]),
    bytes([12, 13, 0, 1]),
    bytes([1, 13, 0, 1]),
)


def with_cicp(image: Image.Image, chunk: bytes) -> bytes:
    data = encoded(image, "PNG")
    return data[:33] + png_chunk(b"cICP", chunk) + data[33:]


def normalised(data: bytes, put: Callable[[bytes], Path], folder: Path) -> tuple[int, ...]:
    ImageFiles().normalise(put(data), folder / "clean")
    with Image.open(folder / "clean") as clean:
        return clean.getpixel((10, 10))  # type: ignore[return-value]


@pytest.mark.parametrize("chunk", [BT2020_PQ, BT2020_HLG, P3, bytes([9, 8, 0, 1]), bytes([6, 6, 0, 1])])
def test_the_profile_is_one_that_little_cms_reads(chunk: bytes) -> None:
    made = profile(chunk)

    assert made
    assert ImageCms.ImageCmsProfile(BytesIO(made)).profile.xcolor_space == "RGB "


@pytest.mark.parametrize(
    "chunk", [b"", SRGB, b"\x09\x10", bytes([9, 16, 9, 1]), bytes([9, 16, 0, 0]), bytes([99, 16, 0, 1])]
)
def test_srgb_and_what_is_not_known_have_none(chunk: bytes) -> None:
    assert profile(chunk) is None


@pytest.mark.parametrize(("chunk", "white"), [(BT2020_PQ, 148), (BT2020_HLG, 191)], ids=["PQ", "HLG"])
def test_diffuse_white_of_an_hdr_picture_becomes_a_bright_grey(
    chunk: bytes, white: int, put: Callable[[bytes], Path], tmp_path: Path
) -> None:
    red, green, blue = normalised(with_cicp(Image.new("RGB", (32, 32), (white,) * 3), chunk), put, tmp_path)

    assert 225 <= min(red, green, blue) <= max(red, green, blue) <= 250
    assert max(red, green, blue) - min(red, green, blue) <= 2


@pytest.mark.parametrize("chunk", [BT2020_PQ, BT2020_HLG], ids=["PQ", "HLG"])
def test_the_ends_of_an_hdr_picture_are_black_and_white(
    chunk: bytes, put: Callable[[bytes], Path], tmp_path: Path
) -> None:
    assert normalised(with_cicp(Image.new("RGB", (32, 32)), chunk), put, tmp_path) == (0, 0, 0)
    assert min(normalised(with_cicp(Image.new("RGB", (32, 32), "white"), chunk), put, tmp_path)) >= 253


def test_a_wide_colour_is_more_vivid_in_srgb(put: Callable[[bytes], Path], tmp_path: Path) -> None:
    red, green, blue = normalised(with_cicp(Image.new("RGB", (32, 32), (200, 100, 100)), P3), put, tmp_path)

    assert red > 200
    assert green < 100
    assert blue <= 100
