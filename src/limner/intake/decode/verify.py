"""Verifies that an image can be decoded completely."""

from limner.intake import refusals
from limner.intake.admit import AdmittedImage
from limner.intake.decode.decode import decode
from limner.intake.formats.header import BrokenError
from limner.intake.formats.png_rows import check_rows, last_row_has_data
from limner.intake.formats.sniff import MEDIA_TYPES, ImageKind
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected


def verify(admitted: AdmittedImage, limits: ImageLimits) -> Inspected:
    """Decode the whole image, or raise `Refusal`. Blocking."""
    try:
        _decode_all(admitted)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    return Inspected(
        media_type=MEDIA_TYPES[admitted.kind],
        width=admitted.header.width,
        height=admitted.header.height,
        size=admitted.size,
    )


def _decode_all(admitted: AdmittedImage) -> None:
    """Decode. Counting a PNG's rows means a second inflate, so it is done only if the last row looks empty."""
    stripped = admitted.header.stripped
    try:
        picture = decode(admitted.kind, admitted.header, at_least=1)
    except BrokenError:
        if admitted.kind is ImageKind.PNG:
            check_rows(stripped)  # raises with a clearer reason
        raise
    if admitted.kind is ImageKind.PNG and not last_row_has_data(picture, stripped):
        check_rows(stripped)
