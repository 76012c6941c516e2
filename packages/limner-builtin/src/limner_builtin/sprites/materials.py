"""What a thing can be made of, and how a picture of it is recoloured."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from limner_builtin.raster.pixels import Pixels, colour, from_hsv, luma, over, smoothstep, to_hsv


class Material(StrEnum):
    PLAIN = "plain"
    GOLD = "gold"
    SILVER = "silver"
    BRONZE = "bronze"
    WOOD = "wood"
    STONE = "stone"
    MARBLE = "marble"
    ICE = "ice"
    CHOCOLATE = "chocolate"
    CLAY = "clay"
    JADE = "jade"


RAMPS: dict[Material, tuple[tuple[float, float, float], ...]] = {
    Material.GOLD: ((0.16, 0.07, 0.01), (0.58, 0.33, 0.06), (0.93, 0.68, 0.2), (1.0, 0.88, 0.5), (1.0, 0.98, 0.85)),
    Material.SILVER: ((0.1, 0.11, 0.14), (0.4, 0.43, 0.48), (0.68, 0.71, 0.76), (0.86, 0.89, 0.93), (1.0, 1.0, 1.0)),
    Material.BRONZE: ((0.13, 0.06, 0.03), (0.42, 0.23, 0.12), (0.7, 0.44, 0.24), (0.87, 0.66, 0.43), (1.0, 0.93, 0.8)),
    Material.WOOD: ((0.17, 0.09, 0.05), (0.42, 0.25, 0.14), (0.64, 0.42, 0.25), (0.8, 0.6, 0.4), (0.95, 0.84, 0.68)),
    Material.STONE: ((0.17, 0.17, 0.18), (0.4, 0.39, 0.39), (0.58, 0.57, 0.55), (0.74, 0.72, 0.69), (0.9, 0.88, 0.85)),
    Material.MARBLE: ((0.45, 0.44, 0.46), (0.68, 0.67, 0.68), (0.84, 0.83, 0.83), (0.93, 0.92, 0.91), (1.0, 1.0, 0.99)),
    Material.ICE: ((0.08, 0.24, 0.42), (0.25, 0.55, 0.78), (0.55, 0.81, 0.95), (0.8, 0.94, 1.0), (1.0, 1.0, 1.0)),
    Material.CHOCOLATE: (
        (0.1, 0.04, 0.02),
        (0.25, 0.12, 0.07),
        (0.42, 0.23, 0.14),
        (0.6, 0.38, 0.25),
        (0.9, 0.75, 0.6),
    ),
    Material.CLAY: ((0.33, 0.3, 0.28), (0.52, 0.49, 0.46), (0.68, 0.65, 0.61), (0.8, 0.77, 0.73), (0.92, 0.9, 0.87)),
    Material.JADE: ((0.02, 0.16, 0.11), (0.1, 0.42, 0.3), (0.28, 0.65, 0.48), (0.58, 0.84, 0.69), (0.92, 1.0, 0.95)),
}

BROWN = 24
"""The hue that is brown at half its brightness, and orange in full light."""

NEUTRALS = {"white": (0.62, 1.0), "grey": (0.2, 0.82), "black": (0.03, 0.42)}
"""Dark and light end of a picture's tones in a colour without a hue."""


@dataclass(frozen=True, slots=True)
class Paint:
    """A requested colour: a hue in degrees, or the name of a neutral, or a material."""

    hue: float | None = None
    neutral: str | None = None
    material: Material = Material.PLAIN

    def __bool__(self) -> bool:
        return self.hue is not None or self.neutral is not None or self.material is not Material.PLAIN


def paint_of(value: str) -> Paint:
    """A colour as the lexicon names it: a hue in degrees, a neutral, or a material."""
    if value in NEUTRALS:
        return Paint(neutral=value)
    if value.isdigit():
        return Paint(hue=float(value))
    return Paint(material=Material(value))


def painted(picture: Pixels, alpha: Pixels, paint: Paint) -> Pixels:
    """The picture in the requested colour, with its light and shade unchanged."""
    if paint.material is not Material.PLAIN:
        return _ramped(_stretched(luma(picture), alpha), RAMPS[paint.material])
    if paint.neutral is not None:
        return _neutral(picture, alpha, NEUTRALS[paint.neutral])
    if paint.hue is not None:
        return _shifted(picture, alpha, paint.hue)
    return picture


def _stretched(tones: Pixels, alpha: Pixels) -> Pixels:
    """Tones spread over the whole range, so that dark and pale pictures make equally lively metal."""
    body = tones[alpha > 0.5]
    if not body.size:
        return tones
    low, high = np.quantile(body, (0.02, 0.98))
    spread: Pixels = np.clip((tones - low) / max(high - low, 0.15), 0, 1).astype(np.float32)
    return spread


def _ramped(tones: Pixels, ramp: tuple[tuple[float, float, float], ...]) -> Pixels:
    stops = np.linspace(0, 1, len(ramp))
    planes = [np.interp(tones, stops, [stop[i] for stop in ramp]) for i in range(3)]
    return np.dstack(planes).astype(np.float32)


def _neutral(picture: Pixels, alpha: Pixels, ends: tuple[float, float]) -> Pixels:
    """The main colour loses its hue; what had another hue (eyes, straps, windows) keeps a part of it."""
    tones = _stretched(luma(picture), alpha) ** np.float32(0.9)
    grey = (ends[0] + (ends[1] - ends[0]) * tones)[..., None] * colour(1.0, 0.99, 0.985)
    share = _main_hue_share(picture, alpha)[..., None]
    return picture + (grey - picture) * (0.25 + 0.75 * share)


def _shifted(picture: Pixels, alpha: Pixels, hue: float) -> Pixels:
    old, saturation, value = to_hsv(picture)
    share = _main_hue_share(picture, alpha)
    main = _main_hue(picture, alpha)
    turned = (old + (hue - main)) % 360
    livelier = np.clip(np.maximum(saturation, 0.5) * 1.02, 0, 1) if main is not None else saturation
    fresh = from_hsv(turned, livelier, value)
    # equal brightness to the eye, or yellow things turned blue would come out black
    fresh = np.clip(fresh * ((luma(picture) * 0.75 + luma(fresh) * 0.25) / (luma(fresh) + 1e-3))[..., None], 0, 1)
    return over(fresh, share, picture)


def _main_hue(picture: Pixels, alpha: Pixels) -> float:
    """The hue that most of the coloured area has."""
    hue, saturation, value = to_hsv(picture)
    weight = saturation * value * (alpha > 0.5)
    counts, edges = np.histogram(hue, bins=36, range=(0, 360), weights=weight)
    around = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return float(edges[int(around.argmax())] + 5)


def _main_hue_share(picture: Pixels, alpha: Pixels) -> Pixels:
    hue, saturation, _ = to_hsv(picture)
    main = _main_hue(picture, alpha)
    distance = np.abs((hue - main + 180) % 360 - 180)
    coloured = smoothstep(0.12, 0.3, saturation)
    if coloured[alpha > 0.5].mean() < 0.2:
        return (alpha > 0).astype(np.float32) * 0.9  # a grey thing is painted as a whole
    return (1 - smoothstep(38, 74, distance)) * coloured
