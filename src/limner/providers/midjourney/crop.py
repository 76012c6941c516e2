"""Crops one picture from a grid of four."""

from pathlib import Path

from limner.providers._http import open_picture


def crop(grid: Path, target: Path) -> None:
    """Write the upper left quarter of `grid` as a PNG. Blocking.

    Raises `NotAPictureFile`, and `OSError` or `SyntaxError` for a broken picture.
    """
    with open_picture(grid) as picture:
        picture.crop((0, 0, picture.width // 2, picture.height // 2)).save(target, "PNG")
