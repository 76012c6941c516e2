"""Filling the unknown parts of a picture from what is known around them."""

import numpy as np
from PIL import Image

from limner_builtin.raster.pixels import Pixels, over, resized, shrunk

SURE = 0.05
"""Share of a coarse pixel that must be known for its colour to be used."""


def inpainted(picture: Pixels, known: Pixels) -> Pixels:
    """`picture` where `known` is 1; elsewhere the colours of its surroundings, the farther the smoother (push-pull)."""
    height, width = known.shape
    if min(height, width) <= 2:
        mean = (picture * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-3)
        return over(picture, known, np.broadcast_to(mean, picture.shape)).astype(np.float32)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    weight = shrunk(known, columns, rows)
    mean = shrunk(picture * known[..., None], columns, rows) / np.maximum(weight, 1e-4)[..., None]
    coarse = inpainted(
        np.where((weight > SURE)[..., None], mean, 0).astype(np.float32), (weight > SURE).astype(np.float32)
    )
    around = resized(coarse, width, height, Image.Resampling.BILINEAR)
    return np.clip(over(picture, known, around), 0, 1).astype(np.float32)
