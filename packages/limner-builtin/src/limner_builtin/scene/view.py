"""One backdrop while it is painted: its size, its skyline, its colours, its chance."""

from dataclasses import dataclass, field

import numpy as np

from limner_builtin.raster.pixels import Pixels, grid, resized
from limner_builtin.reading.meaning import Setting
from limner_builtin.scene.palettes import Palette

CELLS = 256


@dataclass(slots=True)
class Viewpoint:
    """`canvas` is painted over again and again, far to near. `unit` is the shorter side, which sizes are shares of."""

    setting: Setting
    palette: Palette
    width: int
    height: int
    rng: np.random.Generator
    canvas: Pixels = field(init=False)
    _cells: Pixels | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.canvas = np.zeros((self.height, self.width, 3), np.float32)

    @property
    def unit(self) -> int:
        return min(self.width, self.height)

    @property
    def skyline(self) -> int:
        return int(self.height * self.palette.horizon)

    @property
    def x(self) -> Pixels:
        return grid(self.height, self.width)[0]

    @property
    def y(self) -> Pixels:
        return grid(self.height, self.width)[1]

    def noise(self, base: int, octaves: int, stretch: float = 1.0) -> Pixels:
        """Clouds of `base` cells across the shorter side, from 0 to 1, with `octaves` of ever finer detail."""
        total = np.zeros((self.height, self.width), np.float32)
        share, cells = 1.0, float(base)
        for _ in range(octaves):
            rows = max(2, int(cells * self.height / self.unit * stretch) + 1)
            columns = max(2, int(cells * self.width / self.unit) + 1)
            coarse = self.rng.random((rows, columns)).astype(np.float32)
            total += np.float32(share) * resized(coarse, self.width, self.height)
            share, cells = share * 0.5, cells * 2
        low, high = float(total.min()), float(total.max())
        return (total - np.float32(low)) / np.float32(high - low)

    def texture(self, u: Pixels, v: Pixels) -> Pixels:
        """Smooth noise read at any place of a plane, where a cell is 1 wide; it repeats after `CELLS`."""
        cells = self._lattice()
        left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
        across, down = _eased(u - left), _eased(v - top)
        left, right = left % CELLS, (left + 1) % CELLS
        top, bottom = top % CELLS, (top + 1) % CELLS
        upper = cells[top, left] * (1 - across) + cells[top, right] * across
        lower = cells[bottom, left] * (1 - across) + cells[bottom, right] * across
        return (upper * (1 - down) + lower * down).astype(np.float32)

    def _lattice(self) -> Pixels:
        if self._cells is None:
            self._cells = self.rng.random((CELLS, CELLS)).astype(np.float32)
        return self._cells


def _eased(t: Pixels) -> Pixels:
    return t * t * (3 - 2 * t)
