"""Carrying the style of one picture over to another with Magenta's arbitrary style network.

One network condenses a style picture into a hundred numbers, the other repaints a picture by them (Ghiasi et al. 2017,
"Exploring the structure of a real-time, arbitrary neural artistic stylization network").
"""

import numpy as np

from limner_builtin.networks.sessions import run
from limner_builtin.raster.pixels import Pixels, blurred, luma, resized, shrunk

STYLE_SIDE = 256
CONTENT_SIDE = 640
"""Longest side at which a picture is repainted: a second of CPU. Larger costs more and gives finer, weaker strokes."""

STEP = 8
"""The network halves its picture three times."""

DETAIL = 0.55
"""Share of the picture's own fine detail that is put back after enlarging."""


def with_style_of(picture: Pixels, style: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    code = run("style_predict", shrunk(_squared(style), STYLE_SIDE, STYLE_SIDE)[None].astype(np.float32))[0]
    scale = min(1.0, CONTENT_SIDE / max(height, width))
    rows, columns = (max(STEP * 8, round(side * scale / STEP) * STEP) for side in (height, width))
    content = np.ascontiguousarray(resized(picture, columns, rows)[None], np.float32)
    painted = np.clip(run("style_transform", content, code)[0][0], 0, 1)
    large = resized(np.ascontiguousarray(painted), width, height)
    tones = luma(picture)
    fine = tones - blurred(tones, max(1.0, max(height, width) / CONTENT_SIDE * 1.5))
    return np.clip(large + (fine * DETAIL)[..., None], 0, 1).astype(np.float32)


def _squared(picture: Pixels) -> Pixels:
    """The middle of the picture: a squeezed one would have squeezed strokes."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
