"""Whether a file is a reference picture we take, down to its last row."""

from limner.intake import refusals
from limner.intake.admit import AdmittedImage
from limner.intake.decode.decode import decode
from limner.intake.formats.header import BrokenError
from limner.intake.formats.png_rows import check_rows, reach_the_end
from limner.intake.formats.sniff import MEDIA_TYPES, ImageKind
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected


def verify(admitted: AdmittedImage, limits: ImageLimits) -> Inspected:
    """Decode all of it, or raise `Refusal`. Blocking."""
    try:
        _see_all(admitted)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    return Inspected(
        media_type=MEDIA_TYPES[admitted.kind],
        width=admitted.header.width,
        height=admitted.header.height,
        size=admitted.size,
    )


def _see_all(admitted: AdmittedImage) -> None:
    """Unpacking takes most of the time, so a PNG's rows are counted only where the decoded picture leaves a doubt."""
    essence = admitted.header.essence
    try:
        picture = decode(admitted.kind, admitted.header, at_least=1)
    except BrokenError:
        if admitted.kind is ImageKind.PNG:
            check_rows(essence)  # knows better words for it
        raise
    if admitted.kind is ImageKind.PNG and not reach_the_end(picture, essence):
        check_rows(essence)
