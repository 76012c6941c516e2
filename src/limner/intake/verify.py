"""Whether a file is a reference picture we take, down to its last row."""

from limner.intake import refusals
from limner.intake.admit import Admitted
from limner.intake.decode import decode
from limner.intake.header import BrokenError
from limner.intake.limits import ImageLimits
from limner.intake.rows import check_rows
from limner.intake.sniff import MEDIA_TYPES, Kind
from limner.ports.intake import Inspected


def verify(admitted: Admitted, limits: ImageLimits) -> Inspected:
    """Decode all of it, or raise `Refusal`. Blocking."""
    try:
        if admitted.kind is Kind.PNG:
            check_rows(admitted.header.essence)
        decode(admitted.kind, admitted.header, at_least=1)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    return Inspected(
        media_type=MEDIA_TYPES[admitted.kind],
        width=admitted.header.width,
        height=admitted.header.height,
        size=admitted.size,
    )
