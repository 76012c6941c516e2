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
        return _with_scaled_transparency(picture, header) if kind is ImageKind.PNG else picture


def _with_scaled_transparency(picture: Image, header: Header) -> Image:
    """Pillow scales samples to 8 bits, but not the transparent colour that tRNS names, and ignores it in bilevel."""
    depth, key = header.stripped[24], picture.info.get("transparency")
    if picture.mode == "1" and isinstance(key, int):
        picture = picture.convert("L")
        picture.info["transparency"] = key
    elif picture.mode == "L" and isinstance(key, int) and depth < 8:
        picture.info["transparency"] = key * 255 // ((1 << depth) - 1)
    if picture.mode == "RGB" and isinstance(key, tuple) and depth == 16:
        picture.info["transparency"] = tuple(sample >> 8 for sample in key)
    return picture


def _check_same_size(picture: Image, header: Header) -> None:
    """Pillow must see the same size as our parser, on which the limits were checked."""
    if picture.size != (header.width, header.height):
        raise BrokenError("its header contradicts itself")
