"""Opening a delivered picture with the one decoder that its first bytes call for."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS: Final = 100_000_000
"""As for uploads."""


class NotAPictureFile(ValueError):
    """The file is no PNG, JPEG or WebP, or has too many pixels."""


def open_picture(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> "ImageFile":
    """Open a PNG, JPEG or WebP; close it after use. Nothing is decoded yet. Blocking.

    Pillow's own `open` would try every decoder it has, Ghostscript among them. Raises `NotAPictureFile`, and `OSError`
    or `SyntaxError` for a broken header.
    """
    decoder = _decoder(source)
    if decoder is None:
        raise NotAPictureFile("it is neither a PNG, a JPEG nor a WebP")
    picture = decoder(BytesIO(source) if isinstance(source, bytes) else source)
    if picture.width * picture.height > max_pixels:
        picture.close()
        raise NotAPictureFile(f"it has {picture.width} x {picture.height} pixels")
    return picture


def _decoder(source: Path | bytes) -> "Callable[[Path | BytesIO], ImageFile] | None":
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415 - Pillow is imported on first use
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415
    from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415

    head = source[:12] if isinstance(source, bytes) else _head(source)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    return WebPImageFile if head.startswith(b"RIFF") and head[8:] == b"WEBP" else None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(12)
