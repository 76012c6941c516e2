"""Masks for vendors that draw anew what is white."""

from pathlib import Path

from PIL import Image

from limner.ports.provider import ReferenceImage
from limner.providers._http import white_mask


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (4, 2), (9, 9, 9, 255))
    picture.paste((200, 0, 0, 0), (0, 0, 2, 2))
    picture.putpixel((2, 0), (0, 0, 0, 55))
    picture.save(tmp_path / "mask.png")

    made = white_mask(ReferenceImage(tmp_path / "mask.png", "image/png", 4, 2), tmp_path / "white.png")

    with Image.open(made.path) as white:
        assert (white.mode, white.size) == ("L", (made.width, made.height))
        assert [white.getpixel((x, 0)) for x in range(4)] == [255, 255, 200, 0]
