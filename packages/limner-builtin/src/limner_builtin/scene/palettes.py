"""The colours of every place, and what an hour and the weather do to them."""

import colorsys
from dataclasses import dataclass, replace

from limner_builtin.reading.meaning import OUTDOORS, Setting

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a place by day. `horizon` is the height of the skyline, as a share of the picture, from above."""

    zenith: Rgb
    haze: Rgb
    far_ground: Rgb
    near_ground: Rgb
    hills: Rgb
    horizon: float = 0.62
    tint: Rgb = (1.0, 1.0, 1.0)
    shadow: Rgb = (0.1, 0.09, 0.16)


PALETTES: dict[str, Palette] = {
    "meadow": Palette((0.36, 0.66, 0.95), (0.86, 0.94, 0.98), (0.62, 0.8, 0.42), (0.42, 0.66, 0.28), (0.5, 0.74, 0.4)),
    "forest": Palette((0.52, 0.78, 0.76), (0.88, 0.95, 0.86), (0.5, 0.68, 0.38), (0.31, 0.5, 0.25), (0.4, 0.62, 0.46)),
    "mountains": Palette((0.33, 0.6, 0.92), (0.85, 0.92, 0.98), (0.6, 0.74, 0.48), (0.42, 0.6, 0.34), (0.5, 0.6, 0.76)),
    "beach": Palette((0.25, 0.66, 0.93), (0.85, 0.96, 0.99), (0.98, 0.9, 0.72), (0.93, 0.8, 0.57), (0.45, 0.7, 0.6)),
    "sea": Palette((0.3, 0.66, 0.93), (0.87, 0.95, 0.99), (0.3, 0.68, 0.82), (0.1, 0.45, 0.66), (0.5, 0.7, 0.8), 0.56),
    "underwater": Palette(
        (0.45, 0.86, 0.92), (0.1, 0.5, 0.68), (0.36, 0.64, 0.66), (0.62, 0.72, 0.62), (0.08, 0.4, 0.58),
        0.68, (0.86, 0.98, 1.04), (0.02, 0.14, 0.26),
    ),
    "desert": Palette((0.38, 0.68, 0.94), (0.99, 0.92, 0.8), (0.96, 0.8, 0.55), (0.88, 0.66, 0.4), (0.93, 0.74, 0.48)),
    "city": Palette((0.45, 0.7, 0.95), (0.93, 0.94, 0.97), (0.7, 0.71, 0.76), (0.54, 0.55, 0.61), (0.62, 0.69, 0.82)),
    "space": Palette(
        (0.03, 0.03, 0.1), (0.2, 0.11, 0.36), (0.42, 0.4, 0.5), (0.6, 0.57, 0.66), (0.3, 0.27, 0.42),
        0.74, (0.96, 0.95, 1.05), (0.03, 0.02, 0.08),
    ),
    "alien": Palette(
        (0.16, 0.08, 0.32), (0.93, 0.6, 0.72), (0.6, 0.36, 0.68), (0.45, 0.24, 0.56), (0.55, 0.3, 0.62),
        0.62, (1.02, 0.96, 1.04), (0.1, 0.03, 0.18),
    ),
    "lava": Palette(
        (0.14, 0.04, 0.06), (0.95, 0.42, 0.14), (0.4, 0.15, 0.12), (0.23, 0.1, 0.1), (0.34, 0.12, 0.11),
        0.62, (1.06, 0.93, 0.86), (0.06, 0.01, 0.02),
    ),
    "cave": Palette(
        (0.07, 0.08, 0.14), (0.3, 0.36, 0.5), (0.3, 0.32, 0.41), (0.38, 0.38, 0.46), (0.17, 0.18, 0.26),
        0.66, (0.95, 0.97, 1.04), (0.03, 0.03, 0.07),
    ),
    "room": Palette(
        (0.88, 0.8, 0.72), (0.95, 0.89, 0.82), (0.75, 0.54, 0.36), (0.66, 0.45, 0.28), (0.9, 0.84, 0.76),
        0.64, (1.02, 0.99, 0.95), (0.2, 0.1, 0.06),
    ),
    "sky": Palette((0.3, 0.6, 0.95), (0.88, 0.95, 1.0), (0.97, 0.98, 1.0), (0.88, 0.93, 0.99), (0.95, 0.97, 1.0), 0.76,
                   (1.0, 1.0, 1.02), (0.3, 0.4, 0.62)),
}  # fmt: skip


def palette_of(setting: Setting) -> Palette:
    place = setting.shown
    palette = PALETTES[place]
    if setting.hue is not None:
        palette = _toned(palette, setting.hue)
    if setting.weather == "snow" and place in OUTDOORS:
        palette = replace(
            palette,
            zenith=_mix(palette.zenith, (0.62, 0.76, 0.92), 0.6),
            haze=_mix(palette.haze, (0.93, 0.96, 1.0), 0.7),
            far_ground=(0.93, 0.96, 1.0), near_ground=(0.84, 0.9, 0.98), hills=(0.8, 0.88, 0.97),
            tint=(0.98, 1.0, 1.04), shadow=(0.22, 0.32, 0.52),
        )  # fmt: skip
    if setting.weather in ("rain", "fog") and place in OUTDOORS:
        grey = (0.72, 0.76, 0.81)
        palette = replace(
            palette, zenith=_mix(palette.zenith, (0.5, 0.56, 0.63), 0.75), haze=_mix(palette.haze, grey, 0.8),
            hills=_mix(palette.hills, grey, 0.5), far_ground=_mix(palette.far_ground, grey, 0.45),
            tint=(0.93, 0.97, 1.02),
        )  # fmt: skip
    if place not in OUTDOORS:
        return palette
    if setting.time == "night":
        return _dimmed(palette)
    if setting.time == "sunset":
        return _warmed(palette)
    return palette


def _dimmed(palette: Palette) -> Palette:
    moonlit = (0.36, 0.44, 0.72)
    return replace(
        palette, zenith=(0.05, 0.08, 0.24), haze=(0.3, 0.37, 0.62),
        far_ground=_times(palette.far_ground, moonlit), near_ground=_times(palette.near_ground, (0.3, 0.36, 0.6)),
        hills=_times(palette.hills, (0.3, 0.38, 0.66)), tint=(0.7, 0.78, 1.04), shadow=(0.01, 0.02, 0.1),
    )  # fmt: skip


def _warmed(palette: Palette) -> Palette:
    return replace(
        palette, zenith=(0.36, 0.33, 0.62), haze=(1.0, 0.74, 0.5),
        far_ground=_mix(_times(palette.far_ground, (1.0, 0.78, 0.66)), (1.0, 0.7, 0.5), 0.25),
        near_ground=_times(palette.near_ground, (0.86, 0.66, 0.62)),
        hills=_mix(_times(palette.hills, (0.8, 0.55, 0.6)), (0.8, 0.45, 0.45), 0.3),
        tint=(1.07, 0.96, 0.88), shadow=(0.2, 0.07, 0.16),
    )  # fmt: skip


def _toned(palette: Palette, hue: float) -> Palette:
    """A copy of the palette in which ground and sky have the requested hue."""
    return replace(
        palette,
        zenith=hsv(hue, 0.75, 0.3), haze=hsv(hue + 50, 0.35, 0.95),
        far_ground=hsv(hue, 0.42, 0.72), near_ground=hsv(hue, 0.55, 0.55), hills=hsv(hue, 0.5, 0.6),
    )  # fmt: skip


def _mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def _times(first: Rgb, second: Rgb) -> Rgb:
    red, green, blue = (a * b for a, b in zip(first, second, strict=True))
    return red, green, blue


def hsv(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return red, green, blue
