"""Seamless paper: the backdrop of a single thing, with no skyline and a soft glow."""

from dataclasses import dataclass

import numpy as np

from limner_builtin.raster.pixels import Pixels, colour, grid, smoothstep
from limner_builtin.scene.palettes import Palette, hsv


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is behind the things. The light comes from the left, or from the right where it is mirrored."""

    picture: Pixels
    palette: Palette
    mirrored: bool = False


STUDIO_HUES = (28, 205, 340, 160, 48, 262, 185)


def studio(width: int, height: int, hue: float, strength: float = 0.16, value: float = 1.0) -> Backdrop:
    """A seamless paper backdrop: no skyline, light falling off from a glow behind the subject."""
    x, y = grid(height, width)
    wall, floor = hsv(hue, strength, 0.9 * value), hsv(hue, strength * 0.75, 0.97 * value)
    down = smoothstep(0.42, 0.86, y / height)[..., None]
    base = colour(*wall) * (1 - down) + colour(*floor) * down
    glow = np.exp(-(((x / width - 0.5) / 0.42) ** 2) - ((y / height - 0.42) / 0.36) ** 2)[..., None]
    corner = (x / width - 0.5) ** 2 + (y / height - 0.52) ** 2
    picture = (base + glow * np.float32(0.09 * value)) * (1 - 0.42 * corner[..., None])
    palette = Palette(wall, shadow=hsv(hue, 0.5, 0.26), horizon=0.6)
    return Backdrop(np.clip(picture, 0, 1).astype(np.float32), palette)


def plain(width: int, height: int, tone: float = 0.93) -> Backdrop:
    """An even, nearly white ground, for pictures that other programs go on with."""
    back = studio(width, height, 30, 0.02)
    return Backdrop(np.clip(back.picture * np.float32(tone / 0.93), 0, 1), back.palette)
