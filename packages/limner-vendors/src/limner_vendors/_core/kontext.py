"""FLUX.1 Kontext draws one of 17 sizes of about a megapixel, wherever it is hosted."""

import math
from collections.abc import Sequence
from typing import Final

from limner_vendors._core.pictures import ReceivedImage, Size

SIZES: Final[tuple[Size, ...]] = (
    *((672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104)),
    (1024, 1024),
    *((1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688), (1568, 672)),
)


def shape(asked: str | None, references: Sequence[ReceivedImage]) -> float:
    """Width over height: as asked (`W:H`), else as the first input, else square."""
    if asked and ":" in asked:
        width, _, height = asked.partition(":")
        return int(width) / int(height)
    return references[0].size[0] / references[0].size[1] if references else 1.0


def nearest(wanted: float) -> Size:
    return min(SIZES, key=lambda size: abs(math.log(size[0] / size[1] / wanted)))
