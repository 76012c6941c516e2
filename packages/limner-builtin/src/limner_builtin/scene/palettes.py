"""The light of every place: what it does to the things that are set into it, by hour and weather."""

import colorsys
from dataclasses import dataclass, replace

from limner_builtin.reading.meaning import OUTDOORS, Setting

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours that a place lends to things. `horizon` is where its ground begins: a share of the height, from above."""

    haze: Rgb
    tint: Rgb = (1.0, 1.0, 1.0)
    shadow: Rgb = (0.1, 0.09, 0.16)
    horizon: float = 0.62


PALETTES: dict[str, Palette] = {
    "meadow": Palette((0.86, 0.94, 0.98)),
    "forest": Palette((0.88, 0.95, 0.86)),
    "jungle": Palette((0.84, 0.94, 0.78), (0.98, 1.0, 0.96)),
    "savanna": Palette((0.98, 0.93, 0.78), (1.03, 1.0, 0.95), (0.16, 0.1, 0.05)),
    "mountains": Palette((0.85, 0.92, 0.98)),
    "beach": Palette((0.85, 0.96, 0.99)),
    "harbour": Palette((0.86, 0.93, 0.98)),
    "sea": Palette((0.87, 0.95, 0.99)),
    "underwater": Palette((0.1, 0.5, 0.68), (0.86, 0.98, 1.04), (0.02, 0.14, 0.26)),
    "desert": Palette((0.99, 0.92, 0.8)),
    "city": Palette((0.93, 0.94, 0.97)),
    "space": Palette((0.2, 0.11, 0.36), (0.96, 0.95, 1.05), (0.03, 0.02, 0.08)),
    "alien": Palette((0.93, 0.6, 0.72), (1.02, 0.96, 1.04), (0.1, 0.03, 0.18)),
    "lava": Palette((0.95, 0.42, 0.14), (1.06, 0.93, 0.86), (0.06, 0.01, 0.02)),
    "cave": Palette((0.3, 0.36, 0.5), (0.92, 0.95, 1.04), (0.03, 0.03, 0.07)),
    "room": Palette((0.95, 0.89, 0.82), (1.02, 0.99, 0.95), (0.2, 0.1, 0.06)),
    "library": Palette((0.55, 0.4, 0.28), (1.03, 0.96, 0.87), (0.08, 0.03, 0.02)),
    "hall": Palette((0.6, 0.56, 0.54), (1.0, 0.97, 0.94), (0.06, 0.05, 0.06)),
    "kitchen": Palette((0.93, 0.93, 0.9), (1.0, 1.0, 0.98), (0.1, 0.12, 0.14)),
    "stage": Palette((0.5, 0.16, 0.12), (1.06, 0.98, 0.9), (0.1, 0.03, 0.02)),
    "sky": Palette((0.88, 0.95, 1.0), (1.0, 1.0, 1.02), (0.3, 0.4, 0.62)),
}


def palette_of(setting: Setting) -> Palette:
    place = setting.shown
    palette = PALETTES[place]
    if setting.hue is not None:
        palette = replace(palette, haze=hsv(setting.hue + 50, 0.35, 0.95))
    if place not in OUTDOORS:
        return palette
    if setting.weather == "snow":
        haze = _mix(palette.haze, (0.93, 0.96, 1.0), 0.7)
        palette = replace(palette, haze=haze, tint=(0.98, 1.0, 1.04), shadow=(0.22, 0.32, 0.52))
    if setting.weather in ("rain", "fog"):
        palette = replace(palette, haze=_mix(palette.haze, (0.72, 0.76, 0.81), 0.8), tint=(0.93, 0.97, 1.02))
    match setting.time:
        case "night":
            return replace(palette, haze=(0.3, 0.37, 0.62), tint=(0.7, 0.78, 1.04), shadow=(0.01, 0.02, 0.1))
        case "sunset":
            return replace(palette, haze=(1.0, 0.74, 0.5), tint=(1.07, 0.96, 0.88), shadow=(0.2, 0.07, 0.16))
        case _:
            return palette


def _mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def hsv(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return red, green, blue
