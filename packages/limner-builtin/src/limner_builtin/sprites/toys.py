"""Icons puffed up into lit toys: a soft body, the drawing raised on it in other colours."""

import colorsys
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from limner_builtin.assets import icon_paths
from limner_builtin.networks.enlarging import bled
from limner_builtin.raster.components import enclosed, regions
from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, colour, grid, over, resized, shrunk, smoothstep
from limner_builtin.raster.shading import METAL, VINYL, Finish, shaded
from limner_builtin.raster.sprite import Sprite, cropped
from limner_builtin.raster.vector import filled
from limner_builtin.sprites.materials import RAMPS, Material, Paint


@dataclass(frozen=True, slots=True)
class Toy:
    """How an icon is dressed: its body, the large parts drawn on it, the small parts, and their finish."""

    body: tuple[float, float, float]
    trim: tuple[float, float, float]
    accent: tuple[float, float, float]
    finish: Finish = VINYL
    filled_to: float = 0.0
    """The share of the height, from below, that a liquid of the accent's colour fills."""


ICON_SIZE = 640
ICON_MARGIN = 24
GAP = 15
"""Cracks up to this wide, in pixels at half the icon's size, are drawing and not shape."""
BRASS = (0.95, 0.7, 0.24)
TOYS: dict[str, Toy] = {
    "chest": Toy((0.2, 0.1, 0.05), (0.58, 0.34, 0.17), BRASS),
    "wood": Toy((0.24, 0.13, 0.07), (0.66, 0.42, 0.22), (0.78, 0.57, 0.34)),
    "stone": Toy((0.3, 0.29, 0.31), (0.66, 0.64, 0.62), (0.56, 0.54, 0.53)),
    "steel": Toy(
        (0.16, 0.18, 0.22), (0.68, 0.72, 0.78), (0.68, 0.72, 0.78), Finish(roughness=0.36, metal=0.45, rim=0.3)
    ),
    "blade": Toy((0.3, 0.32, 0.36), (0.74, 0.77, 0.82), (0.62, 0.36, 0.16), Finish(roughness=0.36, metal=0.4, rim=0.3)),
    "iron": Toy((0.07, 0.07, 0.09), (0.26, 0.27, 0.31), (0.4, 0.41, 0.45), Finish(roughness=0.4, metal=0.3, rim=0.35)),
    "gold": Toy((0.42, 0.22, 0.04), (0.98, 0.72, 0.22), (0.98, 0.72, 0.22), Finish(roughness=0.34, metal=0.5, rim=0.3)),
    "paper": Toy((0.5, 0.36, 0.22), (0.93, 0.84, 0.66), (0.78, 0.2, 0.18)),
    "potion": Toy((0.72, 0.86, 0.92), (0.86, 0.94, 0.97), (0.58, 0.28, 0.86), Finish(roughness=0.2, rim=0.45), 0.46),
    "bone": Toy((0.3, 0.26, 0.23), (0.93, 0.89, 0.8), (0.93, 0.89, 0.8)),
    "green": Toy((0.1, 0.25, 0.14), (0.42, 0.7, 0.34), (0.86, 0.8, 0.6)),
    "red": Toy((0.24, 0.06, 0.07), (0.84, 0.25, 0.2), BRASS),
    "blue": Toy((0.08, 0.14, 0.34), (0.3, 0.52, 0.88), BRASS),
    "purple": Toy((0.18, 0.09, 0.32), (0.58, 0.38, 0.84), BRASS),
    "dark": Toy((0.07, 0.06, 0.09), (0.32, 0.3, 0.37), (0.6, 0.2, 0.26)),
    "frost": Toy((0.36, 0.62, 0.8), (0.8, 0.92, 0.98), (0.94, 0.98, 1.0), Finish(roughness=0.25, rim=0.4)),
    "castle": Toy((0.34, 0.32, 0.36), (0.76, 0.73, 0.72), (0.8, 0.3, 0.26)),
}

UNDRESSED = "wood"
"""Of an icon whose colours nobody told: a carved toy looks meant, and a colour drawn by chance does not."""


def toy(name: str, paint: Paint, dress: str) -> Sprite:
    """The silhouette as one soft body, with what is drawn on it raised in other colours."""
    ink = filled(icon_paths()[name], ICON_SIZE, 512, ICON_MARGIN)
    body = _silhouette(ink)
    dressed = toy_of(paint, dress)
    picture = shaded(_toy_height(body, ink), _toy_colours(ink, dressed), dressed.finish, scale=ICON_SIZE)
    alpha = smoothstep(0.35, 0.65, blurred(body, 0.8))
    return cropped(bled(picture, alpha), alpha)


def _toy_height(body: Pixels, ink: Pixels) -> Pixels:
    base = inflated(body, ICON_SIZE * 0.2)
    parts = inflated(ink, ICON_SIZE * 0.05)
    return blurred(base * 0.75 + parts * 0.9, 1.6)


def _toy_colours(ink: Pixels, toy: Toy) -> Pixels:
    """Small separate parts (a lock, a hilt, what is in the bottle) take the accent."""
    half = ICON_SIZE // 2
    labels, parts = regions(shrunk(ink, half, half) > 0.35)
    small = [part.label for part in parts if part.area < 0.3 * parts[0].area]
    accent = np.isin(labels, small).astype(np.float32)
    accent = blurred(resized(accent, ICON_SIZE, ICON_SIZE), 1.2)
    drawn = blurred(smoothstep(0.25, 0.75, ink), 1.2)
    trim = over(colour(*toy.accent), accent, np.broadcast_to(colour(*toy.trim), (*ink.shape, 3)))
    dressed = over(trim, drawn, np.broadcast_to(colour(*toy.body), trim.shape))
    if not toy.filled_to:
        return dressed
    _, y = grid(*ink.shape)
    liquid = smoothstep(0, 6, y - ICON_SIZE * (1 - toy.filled_to)) * (0.78 + 0.22 * drawn)
    return over(colour(*toy.accent), liquid, dressed)


def _silhouette(ink: Pixels) -> Pixels:
    """The icon without its drawn gaps. A large opening (a ring, a handle) is no gap and stays open."""
    half = ICON_SIZE // 2
    wide = Image.fromarray((shrunk(ink, half, half) > 0.5).astype(np.uint8) * 255)
    wide = ImageOps.expand(wide, GAP)
    closed = (
        wide.filter(ImageFilter.MaxFilter(GAP))
        .filter(ImageFilter.MinFilter(GAP))
        .crop((GAP, GAP, half + GAP, half + GAP))
    )
    joined = np.asarray(closed) > 127
    whole = enclosed(joined)
    labels, holes = regions(whole & ~joined)
    open_ones = [hole.label for hole in holes if hole.area > 0.5 * joined.sum()]
    solid = (whole & ~np.isin(labels, open_ones)).astype(np.float32)
    rounded = smoothstep(0.4, 0.6, blurred(resized(solid, ICON_SIZE, ICON_SIZE), 3))
    return np.maximum(rounded, ink)


def toy_of(paint: Paint, dress: str) -> Toy:
    if paint.material in RAMPS:
        ramp = RAMPS[paint.material]
        shiny = paint.material in (Material.GOLD, Material.SILVER, Material.BRONZE)
        return Toy(ramp[1], ramp[2] if shiny else ramp[3], ramp[3], METAL if shiny else VINYL)
    if paint.neutral is not None:
        tone = {"white": 0.92, "grey": 0.56, "black": 0.16}[paint.neutral]
        return Toy((tone * 0.4,) * 3, (tone,) * 3, (tone * 0.8,) * 3)
    toy = TOYS.get(dress)
    if paint.hue is not None and dress == "potion":
        return replace(TOYS[dress], accent=_tone(paint.hue, 0.72, 0.86))
    if paint.hue is None and toy is not None:
        return toy
    if paint.hue is None:
        return TOYS[UNDRESSED]
    hue = paint.hue
    return Toy(_tone(hue, 0.8, 0.34), _tone(hue, 0.62, 0.86), _tone((hue + 34) % 360, 0.5, 0.95))


def _tone(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    red, green, blue = colorsys.hsv_to_rgb(hue / 360, saturation, value)
    return red, green, blue
