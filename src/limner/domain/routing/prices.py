"""What an upstream charges for one picture, by quality and size: plain data, declared by its adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import prod

from limner.domain.picture_size import PIXELS_OF_CLASS, exact_size

USUAL_PIXELS = PIXELS_OF_CLASS["1K"]
"""About what upstreams make where nobody asks for a size."""

_MOST = max(PIXELS_OF_CLASS.values())

Points = Sequence[tuple[int, float]]
"""Pixels and US dollars, by rising pixels."""


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices in US dollars. `usual` is that of a picture for which neither quality nor size was asked.

    `points` are prices by quality; those under "" hold for every quality. `usual_quality` is the one of a picture for
    which only a size was asked. Each reference picture costs `per_reference` more.
    """

    usual: float | None = None
    points: Mapping[str, Points] = field(default_factory=dict)
    usual_quality: str = ""
    per_reference: float = 0.0

    def of(self, quality: str | None, size: str | None, references: int = 0) -> float | None:
        """The price of a quality, a size (a class or "WIDTHxHEIGHT") and so many references; None if not known."""
        made = self._made(quality, size)
        return None if made is None else made + references * self.per_reference

    def _made(self, quality: str | None, size: str | None) -> float | None:
        """The price without references."""
        if quality is None and size is None:
            return self.usual
        if not self.points:
            return self.usual
        points = self.points.get(quality or self.usual_quality) or self.points.get("")
        return _at(points, _pixels(size)) if points else None

    def at(self, size: str) -> "Prices":
        """The prices where every picture has this size."""
        points = {quality: ((1, usd), (_MOST, usd)) for quality in self.points if (usd := self.of(quality, size))}
        return replace(self, usual=self.of(None, size), points=points)


NO_PRICES = Prices()


def by_class(usd: Mapping[str, float]) -> Points:
    """Points from prices of size classes."""
    return tuple(sorted((pixels, usd[each]) for each, pixels in PIXELS_OF_CLASS.items() if each in usd))


def by_megapixel(usd: float, further: float) -> Points:
    """Points from the price of a picture of one megapixel and that of each further megapixel."""
    return ((USUAL_PIXELS, usd), (_MOST, usd + further * (_MOST / USUAL_PIXELS - 1)))


def _pixels(size: str | None) -> int:
    if size is None:
        return USUAL_PIXELS
    sides = exact_size(size)
    return prod(sides) if sides else PIXELS_OF_CLASS[size]


def _at(points: Points, pixels: int) -> float:
    """The price between two points on the line through them; that of the first for fewer pixels.

    Beyond the last it grows with the pixels, which no vendor exceeds.
    """
    (first_pixels, first_usd), (last_pixels, last_usd) = points[0], points[-1]
    if pixels <= first_pixels:
        return first_usd
    if pixels >= last_pixels:
        return last_usd * pixels / last_pixels
    (low, low_usd), (high, high_usd) = next((below, above) for below, above in pairwise(points) if pixels <= above[0])
    return low_usd + (high_usd - low_usd) * (pixels - low) / (high - low)
