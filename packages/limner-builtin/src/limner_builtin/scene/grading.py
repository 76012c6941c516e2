"""The last touches on a finished picture: weather in front of it, glow, contrast, darker corners."""

import numpy as np
from PIL import Image, ImageDraw

from limner_builtin.raster.pixels import Pixels, blurred, grid, luma, smoothstep, to_pixels
from limner_builtin.reading.meaning import OUTDOORS, Setting


def graded(canvas: Pixels) -> Pixels:
    """Glow around what is bright, a breath of contrast, darker corners."""
    canvas = np.clip(canvas, 0, 1)
    height, width = canvas.shape[:2]
    bright = canvas * smoothstep(0.72, 1.0, luma(canvas))[..., None]
    canvas = 1 - (1 - canvas) * (1 - 0.13 * blurred(bright, min(height, width) / 36))
    curved = canvas * canvas * (3 - 2 * canvas)
    canvas = canvas * 0.86 + curved * 0.14
    x, y = grid(height, width)
    corner = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    graded: Pixels = canvas * (1 - 0.2 * corner**1.5)[..., None]
    return graded


FLAKES, STREAKS = 260, 420


def falling(canvas: Pixels, setting: Setting, rng: np.random.Generator) -> Pixels:
    """Snow or rain between us and the things."""
    if setting.shown not in OUTDOORS or setting.weather not in ("snow", "rain"):
        return canvas
    height, width = canvas.shape[:2]
    veil = (_flakes if setting.weather == "snow" else _streaks)(width, height, rng)
    return canvas + (1 - canvas) * veil[..., None] * np.float32(0.8)


def _flakes(width: int, height: int, rng: np.random.Generator) -> Pixels:
    image = Image.new("L", (width, height))
    pen, unit = ImageDraw.Draw(image), min(width, height) / 1024
    for x, y, near in rng.random((FLAKES, 3)).tolist():
        size = unit * (1.5 + 6.5 * near**3)
        box = (x * width - size, y * height - size, x * width + size, y * height + size)
        pen.ellipse(box, fill=int(235 - 110 * near**3))
    return blurred(to_pixels(image), 1.1 * unit)


def _streaks(width: int, height: int, rng: np.random.Generator) -> Pixels:
    image = Image.new("L", (width, height))
    pen, unit = ImageDraw.Draw(image), min(width, height) / 1024
    for x, y, near in rng.random((STREAKS, 3)).tolist():
        long = unit * (24 + 60 * near)
        line = (x * width, y * height, x * width - long * 0.18, y * height + long)
        pen.line(line, fill=int(60 + 70 * near), width=max(1, round(unit * (1 + near))))
    return blurred(to_pixels(image), 1.1 * unit)
