"""Giving a picture the colours of another one, with its own light and shade."""

import numpy as np
from PIL import ImageFilter

from limner_builtin.raster.pixels import Pixels, luma, resized, to_image, to_pixels

SIDE = 192
CORNERS = 25
TURNS = 6
"""Rotations of the colour space whose histograms are matched in turn (Pitié's iterative transfer)."""


def with_colours_of(picture: Pixels, palette: Pixels, share: float = 0.9) -> Pixels:
    """`picture` with the distribution of colours that `palette` has; light stays mostly its own."""
    table = _table(_opponent(_small(picture)).reshape(-1, 3), _opponent(_small(palette)).reshape(-1, 3), share)
    return to_pixels(to_image(picture).filter(table))


def _table(source: Pixels, target: Pixels, share: float) -> ImageFilter.Color3DLUT:
    """What becomes of each colour, at the corners of a grid; learned from small pictures."""
    steps = np.linspace(0, 1, CORNERS, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes fastest, as Pillow wants it
    corners = np.stack([red, green, blue], -1).reshape(1, -1, 3)
    own, moved = source.copy(), _opponent(corners).reshape(-1, 3)
    light = moved[:, 0].copy()
    rng = np.random.default_rng(5)
    for _ in range(TURNS):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0].astype(np.float32)
        own, moved, aim = own @ axes, moved @ axes, target @ axes
        for axis in range(3):
            moved[:, axis] = _matched(moved[:, axis], own[:, axis], aim[:, axis])
            own[:, axis] = _matched(own[:, axis], own[:, axis], aim[:, axis])
        own, moved = own @ axes.T, moved @ axes.T
    moved[:, 0] = light * 0.55 + moved[:, 0] * 0.45
    coloured = corners[0] + (_from_opponent(moved[None])[0] - corners[0]) * share
    return ImageFilter.Color3DLUT(CORNERS, np.clip(coloured, 0, 1).ravel().tolist())


def _small(picture: Pixels) -> Pixels:
    scale = min(1.0, SIDE / max(picture.shape[:2]))
    return resized(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))


def _matched(values: Pixels, own: Pixels, aim: Pixels) -> Pixels:
    """Values moved as the quantiles of `own` must be to become those of `aim`; outside, as far as the last ones."""
    steps = np.linspace(0.005, 0.995, 64)
    before, after = np.quantile(own, steps), np.quantile(aim, steps)
    before = np.maximum.accumulate(before + np.arange(before.size) * 1e-6)
    inside = np.clip(values, before[0], before[-1])
    return (np.interp(inside, before, after) + (values - inside) * 0.5).astype(np.float32)


def _opponent(picture: Pixels) -> Pixels:
    """Light, red against green, yellow against blue."""
    light = luma(picture)
    red, green, blue = np.moveaxis(picture, 2, 0)
    return np.dstack([light, red - green, (red + green) / 2 - blue]).astype(np.float32)


def _from_opponent(planes: Pixels) -> Pixels:
    light, across, warm = np.moveaxis(planes, 2, 0)
    # luma = 0.2126 r + 0.7152 g + 0.0722 b, with r = g + across and b = g + across / 2 - warm
    green = light - 0.2126 * across - 0.0722 * (across / 2 - warm)
    return np.dstack([green + across, green, green + across / 2 - warm])
