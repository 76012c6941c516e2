"""Enlarging small pictures four times with the compact Real-ESRGAN network, in tiles so that memory stays small."""

import numpy as np
from PIL import Image

from limner_builtin.networks.sessions import run
from limner_builtin.raster.pixels import Pixels, blurred, resized

FACTOR = 4
WORTH_IT = 1.5
"""Up to this factor plain resampling looks the same and costs a hundredth."""
TILE = 256
OVERLAP = 8


def enlarged(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    result = np.zeros((height * FACTOR, width * FACTOR, 3), np.float32)
    padded = np.pad(picture, ((OVERLAP, OVERLAP), (OVERLAP, OVERLAP), (0, 0)), mode="edge")
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            rows, columns = min(TILE, height - top), min(TILE, width - left)
            tile = padded[top : top + rows + 2 * OVERLAP, left : left + columns + 2 * OVERLAP]
            big = run("realesr_x4", np.ascontiguousarray(tile.transpose(2, 0, 1)[None]))[0][0].transpose(1, 2, 0)
            edge = OVERLAP * FACTOR
            result[top * FACTOR : (top + rows) * FACTOR, left * FACTOR : (left + columns) * FACTOR] = big[
                edge : edge + rows * FACTOR, edge : edge + columns * FACTOR
            ]
    return np.clip(result, 0, 1)


def enlarged_cutout(picture: Pixels, alpha: Pixels) -> tuple[Pixels, Pixels]:
    """A picture with transparency: colours are spread outwards first, or the edge would take the colour of nothing."""
    big = enlarged(bled(picture, alpha))
    soft = resized(alpha, alpha.shape[1] * FACTOR, alpha.shape[0] * FACTOR, Image.Resampling.BICUBIC)
    return big, np.clip((blurred(soft, 0.9) - 0.45) * 1.5 + 0.5, 0, 1)


def bled(picture: Pixels, alpha: Pixels) -> Pixels:
    """The picture with its opaque colours carried into the transparent part, nearest first."""
    filled, weight = picture * alpha[..., None], alpha.copy()
    result = np.where(alpha[..., None] > 0.95, picture, 0)
    known = (alpha > 0.95).astype(np.float32)
    for sigma in (1.0, 2.0, 4.0, 8.0, 24.0):
        spread, mass = blurred(filled, sigma), blurred(weight, sigma)
        usable = (known < 0.5) & (mass > 0.02)
        result[usable] = (spread / np.maximum(mass, 1e-4)[..., None])[usable]
        known = np.where(usable, 1, known).astype(np.float32)
    return np.clip(result, 0, 1).astype(np.float32)
