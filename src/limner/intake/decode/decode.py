"""Pixels from bytes: the only place where Pillow's decoders meet what a stranger sent."""

from io import BytesIO

from PIL.Image import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from limner.intake.decode.decode_errors import telling_damage
from limner.intake.formats.header import BrokenError, Header
from limner.intake.formats.sniff import ImageKind

# Opened by class and not by Image.open: that would try other formats as well, and its bomb warning is process-wide
# state which lies below our own limit. Our limit was applied before a byte came here.
_DECODERS: dict[ImageKind, type[ImageFile]] = {
    ImageKind.JPEG: JpegImageFile,
    ImageKind.PNG: PngImageFile,
    ImageKind.WEBP: WebPImageFile,
}


def decode(kind: ImageKind, header: Header, *, at_least: int) -> Image:
    """Every row of the picture, as stored, not turned.

    A JPEG may come back smaller by 2, 4 or 8, with both sides still `at_least` pixels long: its decoder then
    reads all of the data and keeps a fraction of the pixels. Raises `BrokenError`.
    """
    with telling_damage():
        picture = _DECODERS[kind](BytesIO(header.essence))
        _agree(picture, header)
        picture.draft(None, (at_least, at_least))
        picture.load()
    return picture


def _agree(picture: Image, header: Header) -> None:
    """Two readers of one header must not see two sizes: the limits were checked on ours."""
    if picture.size != (header.width, header.height):
        raise BrokenError("its header contradicts itself")
