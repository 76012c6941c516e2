"""What is known about a cut-out's shape: where its head is, and whether it is a bust that ends in a straight cut."""

import numpy as np

from limner_builtin.raster.pixels import Pixels, grid, smoothstep
from limner_builtin.raster.sprite import Sprite

PEOPLE = tuple(range(0x1F464, 0x1F488)) + tuple(range(0x1F645, 0x1F650)) + tuple(range(0x1F930, 0x1F940))
MORE_PEOPLE = (0x1F385, 0x1F575, 0x1F64B, 0x1F926, 0x1F937, 0x1F977, *range(0x1F9B8, 0x1F9BA), *range(0x1F9CF, 0x1F9E0))
PERSONS = frozenset((*PEOPLE, *MORE_PEOPLE, 0x1FAC5, 0x1F46E))
FLAT_SHARE = 0.5
ROUNDING = 0.1


def is_person(code: str) -> bool:
    return int(code.split("-", maxsplit=1)[0], 16) in PERSONS


def rounded_base(sprite: Sprite, code: str) -> Sprite:
    """A bust gets the curved lower edge of a round figurine, so that it stands instead of being cut off."""
    if not is_person(code) or not ends_flat(sprite.alpha):
        return sprite
    return rounded(sprite)


def ends_flat(alpha: Pixels) -> bool:
    """A straight lower edge over half of the width or more."""
    row = alpha[-max(2, alpha.shape[0] // 80)]
    return float((row > 0.5).mean()) > FLAT_SHARE


def rounded(sprite: Sprite) -> Sprite:
    """Carry the lowest row on downwards along half an ellipse, darker towards the rim."""
    kept = sprite.height - max(2, sprite.height // 45)  # the very last rows are edge, and darker than the body
    columns = np.nonzero(sprite.alpha[kept - 1] > 0.5)[0]
    left, right = int(columns[0]), int(columns[-1]) + 1
    depth = max(2, int((right - left) * ROUNDING))
    x, y = grid(depth, sprite.width)
    across = np.clip((x - (left + right) / 2) / ((right - left) / 2), -1, 1)
    drop = np.sqrt(1 - across**2) * depth
    inside = smoothstep(-1, 1, drop - y) * ((x >= left) & (x < right))
    shade = 1 - 0.34 * smoothstep(0.0, 1.0, y / np.maximum(drop, 1))
    base = sprite.picture[kept - 1][None] * shade[..., None]
    picture = np.concatenate([sprite.picture[:kept], base]).astype(np.float32)
    return Sprite(picture, np.concatenate([sprite.alpha[:kept], inside]).astype(np.float32))


def subject_head(sprite: Sprite) -> tuple[float, float, float]:
    """Centre, top and width of the head as shares of the box, found from the silhouette's upper part."""
    upper = sprite.alpha[: max(4, sprite.height * 2 // 5)] > 0.5
    weight = upper.sum(0).astype(np.float64)
    if not weight.sum():
        return 0.5, 0.04, 0.6
    x = float((weight * np.arange(weight.size)).sum() / weight.sum())
    across = int(np.quantile(upper.sum(1), 0.8))
    middle = upper[:, max(0, int(x) - across // 8) : int(x) + across // 8 + 1]
    rows = np.nonzero(middle.mean(1) > 0.5)[0]
    top = float(rows[0]) if rows.size else 0.0
    return x / sprite.width, top / sprite.height, float(np.clip(across / sprite.width, 0.2, 0.8))
