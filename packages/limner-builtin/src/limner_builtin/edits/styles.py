"""Looks that a prompt may ask for and that need no redrawing: pencil, pixels, oil, watercolour, ink, comic."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from limner_builtin.edits.painterly import comic, ink, oil, watercolour
from limner_builtin.raster.pixels import Pixels, blurred, colour, luma, to_image, to_pixels

PIXELS_ACROSS = 112
INKS = 28


def styled(picture: Pixels, style: str) -> Pixels:
    """The picture in this style; itself where the style is one of the scene's material, as clay is."""
    return LOOKS[style][0](picture) if style in LOOKS else picture


def _pencil(picture: Pixels) -> Pixels:
    """Graphite where the tone is darker than what surrounds it, on warm paper."""
    tones = luma(picture)
    around = blurred(tones, max(picture.shape) / 90)
    lines = np.clip(tones / np.maximum(around, 0.05), 0, 1) ** 2.4
    shade = 0.8 + 0.2 * blurred(tones, max(picture.shape) / 260)
    return (lines * shade)[..., None] * colour(0.98, 0.965, 0.93)


def _pixelled(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    rows = max(1, round(PIXELS_ACROSS * height / max(height, width)))
    columns = max(1, round(PIXELS_ACROSS * width / max(height, width)))
    small = to_image(picture).resize((columns, rows), Image.Resampling.BOX)
    few = small.quantize(INKS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return to_pixels(few.resize((width, height), Image.Resampling.NEAREST))


LOOKS: Mapping[str, tuple[Callable[[Pixels], Pixels], str]] = {
    "sketch": (_pencil, "a pencil drawing"),
    "pixel": (_pixelled, "pixel art"),
    "oil": (oil, "an oil painting"),
    "watercolour": (watercolour, "a watercolour"),
    "ink": (ink, "an ink drawing"),
    "comic": (comic, "a comic"),
}
"""By the lexicon's style: what it does to the pixels, and what the result looks like."""
