"""Thumbnails: small WebP pictures, upright, in sRGB, without metadata."""

from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from limner.intake import refusals
from limner.intake.admit import AdmittedImage
from limner.intake.decode.normalise import clean
from limner.intake.formats.header import BrokenError
from limner.intake.limits import ImageLimits
from limner.ports.intake import Normalised

MOST_BYTES: Final = 25_000
_QUALITIES: Final = (70, 45, 15)
"""The first whose file is small enough is taken."""

_LARGE: Final = 400
"""Longer pictures are not tried at the best quality, where few of them are small enough."""

_SHRINK: Final = 0.7
"""How much a picture is scaled down that is too large at the least quality: one of noise."""


def thumbnail(admitted: AdmittedImage, target: Path, limits: ImageLimits) -> Normalised:
    """Write a thumbnail to `target`, no side longer than `limits.longest_side`. Blocking. Raises `Refusal`."""
    try:
        picture = clean(admitted, limits)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    data = _small(picture)
    target.write_bytes(data)
    return Normalised("image/webp", picture.width, picture.height, len(data))


def _small(picture: Image.Image) -> bytes:
    picture.info = {}
    for quality in _QUALITIES[1:] if max(picture.size) > _LARGE else _QUALITIES:
        data = _encoded(picture, quality)
        if len(data) <= MOST_BYTES:
            return data
    smaller = (round(picture.width * _SHRINK) or 1, round(picture.height * _SHRINK) or 1)
    return _small(picture.resize(smaller, Image.Resampling.BOX))


def _encoded(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()
