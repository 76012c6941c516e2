"""Changes of a whole picture: its tones, its light, its focus, which way it faces."""

from collections.abc import Callable, Mapping

import numpy as np

from limner_builtin.raster.pixels import Pixels, blurred, colour, from_hsv, grid, luma, over, smoothstep, to_hsv
from limner_builtin.reading.edit_request import Change

LARGEST_LAMP = 0.03
"""A warm bright part that takes more of the picture is a thing, and no lamp."""
NIGHT_TINT, NIGHT_LIGHT = (0.62, 0.78, 1.3), 0.2
"""Colour of moonlight, and the mean light of a picture that it falls on."""

LAMP = (1.0, 0.86, 0.6)


def grey(picture: Pixels) -> Pixels:
    tones = luma(picture)
    low, high = np.quantile(tones, (0.01, 0.99))
    spread = np.clip((tones - low) / max(float(high - low), 0.2), 0, 1) * 0.97 + 0.015
    return np.repeat(spread[..., None], 3, 2).astype(np.float32)


def sepia(picture: Pixels) -> Pixels:
    tones = grey(picture)[..., 0]
    stops = (0.0, 0.35, 0.7, 1.0)
    ramp = ((0.09, 0.05, 0.03), (0.42, 0.29, 0.18), (0.8, 0.66, 0.47), (0.99, 0.94, 0.83))
    return np.dstack([np.interp(tones, stops, [stop[i] for stop in ramp]) for i in range(3)]).astype(np.float32)


def _levelled(gamma: float) -> Callable[[Pixels], Pixels]:
    def change(picture: Pixels) -> Pixels:
        return np.clip(picture, 0, 1) ** np.float32(gamma)

    return change


def _contrasted(picture: Pixels) -> Pixels:
    middle = float(np.median(luma(picture)))
    stretched: Pixels = np.clip((picture - middle) * 1.35 + middle, 0, 1)
    return stretched


def _saturated(factor: float) -> Callable[[Pixels], Pixels]:
    def change(picture: Pixels) -> Pixels:
        tones = luma(picture)[..., None]
        return np.clip(tones + (picture - tones) * np.float32(factor), 0, 1)

    return change


def _tinted(red: float, blue: float) -> Callable[[Pixels], Pixels]:
    def change(picture: Pixels) -> Pixels:
        tinted = picture * colour(red, 1.0, blue)
        return np.clip(tinted * (luma(picture) / np.maximum(luma(tinted), 1e-3))[..., None], 0, 1)

    return change


def _by_day(picture: Pixels) -> Pixels:
    """The tones spread to full light, and half of the cast of its light taken away."""
    low, high = np.quantile(luma(picture), (0.01, 0.99))
    spread = np.clip((picture - low) / max(float(high - low), 0.15), 0, 1)
    cast = np.maximum(spread.mean((0, 1)), 0.02)
    balanced = np.clip(spread * (cast.mean() / cast) ** 0.5, 0, 1)
    middle = float(np.clip(np.median(luma(balanced)), 0.02, 0.98))
    day = _saturated(1.15)((balanced ** np.float32(min(1.0, np.log(0.5) / np.log(middle)))).astype(np.float32))
    # what is light already only gets a little of it
    need = np.float32(np.clip((0.62 - float(np.median(luma(picture)))) / 0.3, 0.15, 1))
    lit: Pixels = picture + (day - picture) * need
    return lit


def _sharpened(picture: Pixels) -> Pixels:
    fine = picture - blurred(picture, max(picture.shape) / 700)
    return np.clip(picture + fine * 1.3, 0, 1)


def soft(picture: Pixels) -> Pixels:
    return blurred(picture, max(picture.shape) / 90)


WHOLE: Mapping[Change, tuple[Callable[[Pixels], Pixels], str]] = {
    Change.DAYLIGHT: (_by_day, "it is lit as by day"),
    Change.BRIGHTER: (_levelled(0.68), "it is brighter"),
    Change.DARKER: (_levelled(1.5), "it is darker"),
    Change.CONTRAST: (_contrasted, "its contrast is higher"),
    Change.VIVID: (_saturated(1.5), "its colours are stronger"),
    Change.MUTED: (_saturated(0.5), "its colours are weaker"),
    Change.WARM: (_tinted(1.14, 0.82), "its colours are warmer"),
    Change.COLD: (_tinted(0.84, 1.16), "its colours are colder"),
    Change.SHARPEN: (_sharpened, "it is sharpened"),
    Change.BLUR: (soft, "it is blurred"),
    Change.GREY: (grey, "it is black and white"),
    Change.SEPIA: (sepia, "it is in sepia"),
    Change.MIRROR: (lambda picture: picture[:, ::-1], "it is mirrored"),
    Change.FLIP: (lambda picture: picture[::-1], "it is upside down"),
    Change.RIGHT: (lambda picture: np.rot90(picture, -1), "it is turned to the right"),
    Change.LEFT: (np.rot90, "it is turned to the left"),
}
"""What a change does to the pixels, and the clause that tells it."""


def at_time(picture: Pixels, time: str) -> Pixels:
    """The same place in the light of another hour: `night` or `sunset`."""
    return _by_night(picture) if time == "night" else _at_sunset(picture)


def _by_night(picture: Pixels) -> Pixels:
    """Moonlight over everything; what is bright and warm stays lit, like a lamp or a window."""
    hue, saturation, value = to_hsv(picture)
    dim = from_hsv(hue, saturation * 0.5, value) ** np.float32(1.05)
    share = float(np.clip(NIGHT_LIGHT / max(float(luma(dim).mean()), 0.05), 0.36, 0.62))
    moonlit = np.clip(dim * colour(*NIGHT_TINT) * np.float32(share) + colour(0.0, 0.008, 0.03), 0, 1)
    warm = (
        smoothstep(0.82, 0.97, value) * smoothstep(0.3, 0.6, saturation) * (np.abs((hue - 42 + 180) % 360 - 180) < 28)
    )
    warm = warm * np.clip(1.5 - warm.mean() / LARGEST_LAMP, 0, 1)
    lit = over(picture * colour(*LAMP), blurred(warm.astype(np.float32), 1.5) * 0.85, moonlit)
    shaded: Pixels = lit * _vignette(picture.shape[0], picture.shape[1], 0.45)[..., None]
    return shaded


def _at_sunset(picture: Pixels) -> Pixels:
    """Low golden light from one side, violet in the shadows."""
    height, width = picture.shape[:2]
    x, y = grid(height, width)
    tones = luma(picture)[..., None]
    graded = picture * (colour(0.72, 0.5, 0.78) + (colour(1.22, 0.9, 0.58) - colour(0.72, 0.5, 0.78)) * tones**0.7)
    sun = np.exp(-(((x / width - 0.15) / 0.6) ** 2) - (((y / height) - 0.25) / 0.6) ** 2)[..., None]
    sunlit: Pixels = np.clip(graded + sun * colour(0.3, 0.16, 0.02) * (0.35 + 0.65 * tones), 0, 1)
    return sunlit.astype(np.float32)


def _vignette(height: int, width: int, strength: float) -> Pixels:
    x, y = grid(height, width)
    far = np.hypot((x / width - 0.5) * 1.3, (y / height - 0.5) * 1.3)
    light: Pixels = (1 - strength * smoothstep(0.3, 0.95, far)).astype(np.float32)
    return light
