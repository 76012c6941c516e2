"""The perceptual hash of a decoded picture, see `limner.domain.perceptual_hash`."""

from typing import Final

from PIL import Image

from limner.domain.perceptual_hash import COLOUR_SIDE, SIDE

FINE: Final = 8 * SIDE
"""So many pixels a side are enough. What is larger is averaged over whole boxes first, which is much faster."""


def perceptual_hash_of(picture: Image.Image) -> bytes:
    """Transparent places count as white. Orientation and colour profile are left aside."""
    small = _small(picture).convert("YCbCr")
    few = small.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX).tobytes()
    return small.tobytes()[::3] + few[1::3] + few[2::3]


def _small(picture: Image.Image) -> Image.Image:
    factors = (max(1, picture.width // FINE), max(1, picture.height // FINE))
    if picture.mode not in {"L", "RGB"}:
        picture = _opaque(picture)
    if max(factors) > 1:
        picture = picture.reduce(factors)
    return picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
