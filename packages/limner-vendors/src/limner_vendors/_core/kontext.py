"""FLUX.1 Kontext draws one of 17 sizes of about a megapixel, wherever it is hosted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

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


PIXELS: Final = {
    "768sq": 768**2,
    "0.5 MP": 0.5e6,
    "1k": 1024**2,
    "1 MP": 1024**2,
    "1K": 1024**2,
    "1.5k": 1536**2,
    "2 MP": 2e6,
    "2k": 2048**2,
    "2K": 2048**2,
    "4 MP": 2048**2,
    "4k": 4096**2,
    "4K": 4096**2,
}
"""About how many pixels a value of `resolution`, or of `size`, stands for."""


def drawn(asked: Mapping[str, Any], references: Sequence[ReceivedImage]) -> Size:
    """The size of a picture in the shape and the resolution of a request; where it names none, as Kontext's."""
    wanted = shape(asked.get("aspect_ratio"), references)
    pixels = PIXELS.get(str(asked.get("resolution") or asked.get("size")))
    if pixels is None:
        return nearest(wanted)
    side = math.sqrt(pixels)
    return round(side * math.sqrt(wanted) / 16) * 16, round(side / math.sqrt(wanted) / 16) * 16


def nearest(wanted: float) -> Size:
    return min(SIZES, key=lambda size: abs(math.log(size[0] / size[1] / wanted)))
