"""Blank pictures are detected without a second decode."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, Picture
from limner.providers._http import is_blank, reject_blank

FORMATS = ["PNG", "JPEG", "WEBP"]


def saved(folder: Path, picture: Image.Image, format_: str = "PNG") -> Path:
    path = folder / "picture"
    picture.save(path, format_)
    return path


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("colour", ["black", "white", (12, 200, 77)])
@pytest.mark.parametrize("size", [(64, 64), (1024, 1024), (3840, 2160)])
def test_a_picture_of_one_colour_is_blank(
    tmp_path: Path, *, format_: str, colour: str | tuple[int, int, int], size: tuple[int, int]
) -> None:
    assert is_blank(saved(tmp_path, Image.new("RGB", size, colour), format_))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "I;16"])
def test_it_is_so_in_every_mode(tmp_path: Path, mode: str) -> None:
    assert is_blank(saved(tmp_path, Image.new(mode, (300, 200), 0)))


def test_a_picture_that_is_all_transparent_is_blank(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").convert("RGBA")
    picture.putalpha(0)

    assert is_blank(saved(tmp_path, picture))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_one_pixel_makes_a_picture(tmp_path: Path, mode: str) -> None:
    picture = Image.new(mode, (1024, 1024))
    picture.putpixel((1023, 1023), 200 if mode == "L" else (0, 0, 200, 255)[: len(mode)])

    assert not is_blank(saved(tmp_path, picture))


def test_two_neighbours_of_a_palette_are_two_colours(tmp_path: Path) -> None:
    picture = Image.new("P", (300, 200), 0)
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.putpixel((0, 0), 1)

    assert not is_blank(saved(tmp_path, picture))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_plain_drawing_is_no_blank(tmp_path: Path, format_: str) -> None:
    picture = Image.new("RGB", (1024, 1024), "white")
    ImageDraw.Draw(picture).ellipse((400, 400, 600, 600), fill="black")

    assert not is_blank(saved(tmp_path, picture, format_))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n", b"RIFF????WEBP", b"\xff\xd8\xff\xe0 nothing"])
def test_what_cannot_be_read_is_left_to_others(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)

    assert not is_blank(path)


async def test_a_blank_picture_is_a_bad_output_that_was_paid_for(tmp_path: Path) -> None:
    delivered = Delivered(Picture(saved(tmp_path, Image.new("RGB", (64, 64)))))

    failure = await reject_blank("Acme", delivered)

    assert failure == Failure(FailureKind.BAD_OUTPUT, "Acme delivered a picture of a single colour", charged=True)


async def test_another_outcome_stays_what_it_is(tmp_path: Path) -> None:
    delivered = Delivered(Picture(saved(tmp_path, Image.linear_gradient("L"))))
    failure = Failure(FailureKind.AUTH, "no")

    assert await reject_blank("Acme", delivered) is delivered
    assert await reject_blank("Acme", failure) is failure
