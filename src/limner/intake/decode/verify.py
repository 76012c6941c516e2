"""Verifies that an image can be decoded completely."""

from dataclasses import replace
from typing import Final

from PIL import ImageChops
from PIL.Image import Image

from limner.intake import refusals
from limner.intake.admit import AdmittedImage
from limner.intake.decode.decode import decode
from limner.intake.decode.perceptual_hash import FINE, perceptual_hash_of
from limner.intake.formats.header import BrokenError, Header
from limner.intake.formats.jpeg import EOI
from limner.intake.formats.png_rows import check_rows, last_row_has_data
from limner.intake.formats.sniff import MEDIA_TYPES, ImageKind
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected

_SCAN_DATA: Final = bytes(range(1, 255)) * 64
"""Without markers, and enough to fill more than a row of blocks."""

_PADDING: Final = _SCAN_DATA + b"".join(bytes([0xFF, 0xD0 + n]) + _SCAN_DATA for n in range(8))
"""Scan data, then the same behind each restart marker: a decoder that expects one ignores all bytes before it."""


def verify(admitted: AdmittedImage, limits: ImageLimits) -> Inspected:
    """Decode the whole image, or raise `Refusal`. Blocking."""
    try:
        picture = _decode_all(admitted)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    return Inspected(
        media_type=MEDIA_TYPES[admitted.kind],
        width=admitted.header.width,
        height=admitted.header.height,
        size=admitted.size,
        has_alpha=picture.has_transparency_data,
        phash=perceptual_hash_of(picture),
    )


def _decode_all(admitted: AdmittedImage) -> Image:
    """Decode. Counting a PNG's rows means a second inflate, so it is done only if the last row looks empty."""
    stripped = admitted.header.stripped
    try:
        picture = decode(admitted.kind, admitted.header, at_least=FINE)
    except BrokenError:
        if admitted.kind is ImageKind.PNG:
            check_rows(stripped)  # raises with a clearer reason
        raise
    if admitted.kind is ImageKind.PNG and not last_row_has_data(picture, stripped):
        check_rows(stripped)
    if admitted.kind is ImageKind.JPEG and not admitted.header.complete:
        _check_jpeg_rows(admitted.header)
    return picture


def _check_jpeg_rows(header: Header) -> None:
    """Raise `BrokenError` unless the scans of a JPEG without an end marker are complete.

    libjpeg fills in missing rows silently. Bytes appended to the last scan change the picture only if rows are missing.
    """
    padded = replace(header, stripped=header.stripped.removesuffix(EOI) + _PADDING + EOI)
    plain, changed = (decode(ImageKind.JPEG, each, at_least=header.height) for each in (header, padded))
    if ImageChops.difference(plain, changed).getbbox() is not None:
        raise BrokenError("the JPEG is truncated")
