"""Decoding of untrusted bytes with Pillow; no other module may do that."""

from io import BytesIO

from PIL.Image import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from limner.intake.decode.decode_errors import damage_as_broken_error
from limner.intake.formats.header import BrokenError, Header
from limner.intake.formats.sniff import ImageKind

# Not Image.open: it would try other formats too, and its process-wide pixel limit is below ours, which `admit` checks.
_DECODERS: dict[ImageKind, type[ImageFile]] = {
    ImageKind.JPEG: JpegImageFile,
    ImageKind.PNG: PngImageFile,
    ImageKind.WEBP: WebPImageFile,
}


def decode(kind: ImageKind, header: Header, *, at_least: int) -> Image:
    """Decode all rows, without applying the orientation.

    A JPEG may be decoded at 1/2, 1/4 or 1/8 size, with both sides at least `at_least` pixels; all of its data is read
    nevertheless. Raises `BrokenError`.
    """
    with damage_as_broken_error():
        picture = _DECODERS[kind](BytesIO(header.stripped))
        _check_same_size(picture, header)
        picture.draft(None, (at_least, at_least))
        picture.load()
    return picture


def _check_same_size(picture: Image, header: Header) -> None:
    """Pillow must see the same size as our parser, on which the limits were checked."""
    if picture.size != (header.width, header.height):
        raise BrokenError("its header contradicts itself")
