"""Pictures of a single colour: what a safety checker or a model that overflowed leaves."""

import asyncio
from pathlib import Path
from typing import Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered
from limner.providers._http.images.decoder import open_picture

_SMALL_BYTES: Final = 64 * 1024
_BYTES_A_PIXEL: Final = 0.1
"""One colour packs to less than this in every format; hardly any picture does, and no other is decoded here."""

_MOST_PIXELS: Final = 36_000_000

_INVISIBLE: Final = 4
"""Of 255 steps; a lossy WebP of one colour is decoded with such differences."""


async def reject_blank(vendor: str, outcome: Delivered | Failure, *, charged: bool = True) -> Delivered | Failure:
    """The outcome, or a failure where it is a picture of a single colour."""
    if isinstance(outcome, Failure) or not await asyncio.to_thread(is_blank, outcome.picture.source):
        return outcome
    return blank_failure(vendor, charged=charged)


def blank_failure(vendor: str, *, charged: bool = True) -> Failure:
    return Failure(FailureKind.BAD_OUTPUT, f"{vendor} delivered a picture of a single colour", charged=charged)


def is_blank(source: Path | bytes) -> bool:
    """Whether all pixels look the same, or all are transparent. False for what cannot be read. Blocking."""
    try:
        with open_picture(source, _MOST_PIXELS) as picture:
            pixels = picture.width * picture.height
            if _size(source) > max(_SMALL_BYTES, _BYTES_A_PIXEL * pixels):
                return False
            shown = picture.convert("RGBA") if picture.mode == "P" else picture
            return _shows_nothing(shown.getbands(), shown.getextrema())
    except (OSError, SyntaxError, ValueError):
        return False


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _shows_nothing(bands: tuple[str, ...], extrema: tuple[object, ...]) -> bool:
    spans = dict(zip(bands, extrema if len(bands) > 1 else (extrema,), strict=True))
    return spans.get("A") == (0, 0) or all(isinstance(each, tuple) and _is_flat(*each) for each in spans.values())


def _is_flat(low: float, high: float) -> bool:
    return high - low <= _INVISIBLE
