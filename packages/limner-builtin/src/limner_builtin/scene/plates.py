"""Places that were rendered beforehand, fitted to a picture's shape: things are set into them afterwards."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from limner_builtin.assets import plate_names, plate_picture
from limner_builtin.raster.pixels import Pixels, colour, from_hsv, grid, luma, over, to_hsv, to_pixels
from limner_builtin.reading.meaning import OUTDOORS, Setting
from limner_builtin.scene.palettes import Palette, hsv, palette_of
from limner_builtin.scene.studio import Backdrop

FLOORS = {
    "podium": 0.7,
    "podium-discs": 0.7,
    "podium-blocks": 0.7,
    "library": 0.71,
    "hall": 0.72,
    "harbour": 0.75,
    "savanna": 0.62,
    "jungle": 0.62,
    "room": 0.655,
    "kitchen": 0.67,
    "stage": 0.73,
    "city": 0.62,
    "forest": 0.62,
    "meadow": 0.61,
    "mountains": 0.61,
    "beach": 0.78,
    "sea": 0.54,
    "desert": 0.61,
    "snow": 0.66,
    "underwater": 0.69,
    "space": 0.74,
    "sky": 0.66,
    "lava": 0.64,
    "cave": 0.7,
    "alien": 0.63,
    "winter": 0.62,
}
"""Where the ground that things stand on begins: a share of the plate's height, from above."""

IN_SNOW = {"meadow": "snow", "forest": "snow", "mountains": "snow", "city": "winter", "harbour": "winter"}
"""Elsewhere snow falls and does not lie."""

PODIUMS = ("podium", "podium-discs", "podium-blocks")
WIDE = frozenset({*PODIUMS, "room", "kitchen", "stage", "library", "hall", "harbour"})
"""What is built has proportions; land may be squeezed a little, so that more of its sides is seen."""

SQUEEZE = 0.86
GRADED = frozenset({"harbour", "jungle", "savanna"})
"""Rendered by day alone: another hour is a change of their light."""

ALIEN_HUE = 285.0
CLAY = 0.7
"""The tone of the podium's plate that takes the paper's colour as it is."""


@dataclass(frozen=True, slots=True)
class Plate:
    name: str
    floor: float


def plate_of(setting: Setting) -> Plate:
    """The plate of a place at its hour; by day where there is none of the hour, as above the clouds."""
    place = setting.shown
    if place not in OUTDOORS:
        return Plate(place, FLOORS[place])
    shown = IN_SNOW.get(place, place) if setting.weather == "snow" else place
    name = f"{shown}-{setting.time}"
    return Plate(name if name in plate_names() else shown, FLOORS[shown])


def backdrop(setting: Setting, size: tuple[int, int], rng: np.random.Generator) -> Backdrop:
    """The place with the weather over it, as it is or mirrored."""
    plate = plate_of(setting)
    mirrored = bool(rng.random() < 0.5)
    picture = _fitted(plate, size, mirrored=mirrored)
    palette = replace(palette_of(setting), horizon=plate.floor)
    if plate.name in GRADED and setting.time != "day":
        picture = _at_hour(picture, setting.time)
    if setting.hue is not None:
        hue, saturation, value = to_hsv(picture)
        picture = from_hsv((hue + setting.hue - ALIEN_HUE) % 360, saturation, value)
    weather = setting.weather if setting.shown in OUTDOORS else "clear"
    if weather in ("rain", "fog"):
        picture = _overcast(picture)
    if weather == "fog":
        picture = _misty(picture, plate.floor, palette.haze)
    return Backdrop(picture, palette, mirrored)


def podium(size: tuple[int, int], hue: float, strength: float, rng: np.random.Generator) -> Backdrop:
    """A clay stage in one hue, for things without a place."""
    name = PODIUMS[int(rng.integers(len(PODIUMS)))]
    plate = Plate(name, FLOORS[name])
    mirrored = bool(rng.random() < 0.5)
    clay = luma(_fitted(plate, size, mirrored=mirrored))[..., None] / np.float32(CLAY)
    wall = colour(*hsv(hue, strength, 0.95))
    palette = Palette(hsv(hue, strength, 0.95), shadow=hsv(hue, 0.5, 0.26), horizon=plate.floor)
    return Backdrop(np.clip(clay * wall, 0, 1), palette, mirrored)


def _fitted(plate: Plate, size: tuple[int, int], *, mirrored: bool) -> Pixels:
    """The middle of the plate in another shape; its floor begins at the same share of the height."""
    image, (width, height) = plate_picture(plate.name), size
    scale = max(width / image.width, height / image.height)
    wide, tall = width / scale, height / scale
    if plate.name not in WIDE:
        wide = min(image.width, wide / SQUEEZE)
    left, top = (image.width - wide) / 2, plate.floor * (image.height - tall)
    box = (left, top, left + wide, top + tall)
    part = image.resize(size, Image.Resampling.BICUBIC, box)
    pixels = to_pixels(part)
    return np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels


def _at_hour(picture: Pixels, time: str) -> Pixels:
    """The evening is warm and rosy above; the night keeps little colour and is darkest above."""
    height, width = picture.shape[:2]
    _, y = grid(height, width)
    down = (y / height)[..., None]
    if time == "sunset":
        glow = colour(1.06, 0.74, 0.66) * (1 - down) + colour(1.1, 0.8, 0.56) * down
        evening: Pixels = np.clip(picture, 0, 1) ** np.float32(1.15) * glow
        return evening.astype(np.float32)
    grey = luma(picture)[..., None]
    night: Pixels = (picture * np.float32(0.55) + grey * np.float32(0.45)) ** np.float32(1.35)
    night = night * (colour(0.14, 0.2, 0.46) * (1 - down) + colour(0.3, 0.38, 0.6) * down)
    return night.astype(np.float32)


def _overcast(picture: Pixels) -> Pixels:
    """Less colour and a cooler, darker light."""
    grey = luma(picture)[..., None]
    dull: Pixels = (picture * np.float32(0.5) + grey * np.float32(0.5)) * colour(0.8, 0.85, 0.92)
    return dull


def _misty(picture: Pixels, floor: float, haze: tuple[float, float, float]) -> Pixels:
    """Mist is thickest where the ground begins."""
    _, y = grid(*picture.shape[:2])
    share = 0.12 + 0.5 * np.exp(-(((y / picture.shape[0] - floor + 0.06) / 0.22) ** 2))
    return over(colour(*haze), share.astype(np.float32), picture)
