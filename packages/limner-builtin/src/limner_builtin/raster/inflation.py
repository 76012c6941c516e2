"""Blowing a flat silhouette up into a rounded body.

The height is the square root of a membrane pushed from below (a screened Poisson equation, zero at the outline). On a
disc this is exactly a hemisphere, and unlike a distance transform it leaves no creases along the middle of a limb.
"""

import numpy as np
from PIL import Image

from limner_builtin.raster.components import Mask
from limner_builtin.raster.pixels import Pixels, resized, shrunk

COARSEST = 4
SWEEPS = 40
FINE_SWEEPS = 10


def inflated(mask: Pixels, thickness: float) -> Pixels:
    """Heights in pixels over `mask`, 0 outside. Broad bodies flatten towards `thickness`, thin ones stay round."""
    pressure = _membrane(mask, thickness / 2)
    return np.sqrt(np.maximum(pressure, 0))


def _membrane(mask: Pixels, reach: float) -> Pixels:
    """Solve from coarse to fine, each level starting from the one below it."""
    height, width = mask.shape
    levels = _levels(height, width)
    solution = np.zeros((levels[0][0], levels[0][1]), np.float32)
    for rows, columns in levels:
        inside = shrunk(mask, columns, rows) > 0.5
        start = resized(solution, columns, rows, Image.Resampling.BILINEAR)
        sweeps = SWEEPS if max(rows, columns) < 400 else FINE_SWEEPS
        solution = _relaxed(start, inside, width / columns, reach, sweeps)
    return solution


def _levels(height: int, width: int) -> list[tuple[int, int]]:
    factor = 1
    while min(height, width) // (factor * 2) >= COARSEST:
        factor *= 2
    levels = []
    while factor >= 1:
        levels.append((max(2, height // factor), max(2, width // factor)))
        factor //= 2
    return levels


def _relaxed(field: Pixels, inside: Mask, cell: float, reach: float, sweeps: int) -> Pixels:
    """Damped Jacobi sweeps of `lap(u) - u / reach^2 = -4` with u = 0 outside."""
    source = np.float32(4 * cell * cell)
    share = (inside / (4 + (cell / reach) ** 2)).astype(np.float32)
    field = np.pad(np.where(inside, field, 0), 1).astype(np.float32)
    for _ in range(sweeps):
        around = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:]
        around += source
        around *= share
        field[1:-1, 1:-1] += np.float32(0.95) * (around - field[1:-1, 1:-1])
    return field[1:-1, 1:-1]
