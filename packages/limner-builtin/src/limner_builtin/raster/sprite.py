"""A cut-out picture: colours, and how opaque each pixel is."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from limner_builtin.raster.pixels import Pixels, over, resized


@dataclass(frozen=True, slots=True)
class Sprite:
    """A picture and its transparency, cropped to what can be seen."""

    picture: Pixels
    alpha: Pixels

    @property
    def width(self) -> int:
        return int(self.alpha.shape[1])

    @property
    def height(self) -> int:
        return int(self.alpha.shape[0])

    def fitted(self, width: int, height: int) -> "Sprite":
        """The sprite at another size. Colours are weighed by their opacity, so no dark seam appears."""
        if (width, height) == (self.width, self.height):
            return self
        how = Image.Resampling.LANCZOS
        alpha = np.clip(resized(self.alpha, width, height, how), 0, 1)
        picture = resized(self.picture, width, height, how)
        return Sprite(np.clip(picture, 0, 1), alpha)

    def mirrored(self) -> "Sprite":
        return Sprite(self.picture[:, ::-1], self.alpha[:, ::-1])


def cropped(picture: Pixels, alpha: Pixels) -> Sprite:
    rows, columns = np.nonzero(alpha.max(1) > 0.02)[0], np.nonzero(alpha.max(0) > 0.02)[0]
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Sprite(np.ascontiguousarray(picture[window]), np.ascontiguousarray(alpha[window]))


def paste(canvas: Pixels, picture: Pixels, alpha: Pixels, left: int, top: int) -> None:
    """Lay a picture on the canvas in place; what sticks out is cut off."""
    height, width = alpha.shape
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + width), min(canvas.shape[0], top + height)
    if x1 <= x0 or y1 <= y0:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    canvas[y0:y1, x0:x1] = over(picture[part], alpha[part], canvas[y0:y1, x0:x1])
