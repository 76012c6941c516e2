"""Opening a delivered picture with the one decoder that its first bytes call for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS: Final = 100_000_000
"""As for uploads."""


class NotAPictureFile(ValueError):
    """The file is no PNG, JPEG or WebP, or has too many pixels."""


def open_picture(path: Path, max_pixels: int = MAX_PIXELS) -> "ImageFile":
    """Open a PNG, JPEG or WebP; close it after use. Nothing is decoded yet. Blocking.

    Pillow's own `open` would try every decoder it has, Ghostscript among them. Raises `NotAPictureFile`, and `OSError`
    or `SyntaxError` for a broken header.
    """
    decoder = _decoder(path)
    if decoder is None:
        raise NotAPictureFile("it is neither a PNG, a JPEG nor a WebP")
    picture = decoder(path)
    if picture.width * picture.height > max_pixels:
        picture.close()
        raise NotAPictureFile(f"it has {picture.width} x {picture.height} pixels")
    return picture


def _decoder(path: Path) -> "Callable[[Path], ImageFile] | None":
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - Pillow is imported on first use
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415
    from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415

    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    return WebPImageFile if head.startswith(b"RIFF") and head[8:] == b"WEBP" else None
