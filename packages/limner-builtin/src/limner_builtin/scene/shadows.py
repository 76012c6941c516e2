"""What ties a thing to the ground: its shadow, and its reflection on a polished floor."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from limner_builtin.raster.pixels import Pixels, blurred, colour, grid, resized, to_image, to_pixels
from limner_builtin.raster.sprite import Sprite, paste
from limner_builtin.scene.layout import Box
from limner_builtin.scene.palettes import Rgb


@dataclass(frozen=True, slots=True)
class Stain:
    """Darkness, from 0 to 1, and where its upper left corner lies."""

    plane: Pixels
    left: int
    top: int


def shadow(
    canvas: Pixels, alpha: Pixels, box: Box, tint: Rgb, strength: float, *, cast: float = 1.0, mirrored: bool = False
) -> None:
    """A dark line where the thing touches the ground, and a longer soft one away from the light."""
    _darken(canvas, _cast(alpha, box, mirrored=mirrored), tint, 0.52 * strength * cast)
    _darken(canvas, _contact(alpha, box), tint, 0.7 * strength)


def _contact(alpha: Pixels, box: Box) -> Stain:
    """The footprint: what the lowest tenth covers, spread a little into the depth."""
    strip = alpha[-max(2, box.height // 11) :].max(0)
    pad = max(6, box.width // 5)
    spread = max(2.0, 0.018 * box.width + 0.012 * box.height)
    across = blurred(np.pad(strip, pad)[None, :].repeat(3, 0), spread)[1]
    rows = np.arange(-3 * spread, 3 * spread, dtype=np.float32)
    profile = np.exp(-0.5 * (rows / (spread * 0.75)) ** 2)
    return Stain(across[None, :] * profile[:, None], box.left - pad, box.foot - int(3.2 * spread))


def _cast(alpha: Pixels, box: Box, *, mirrored: bool) -> Stain:
    """The silhouette laid on the ground: flattened, leaning away from the key light, softer the farther it falls.

    The light comes from the left, or from the right where it is mirrored.
    """
    alpha = alpha[:, ::-1] if mirrored else alpha
    low, pad = max(4, int(box.height * 0.24)), max(8, box.width // 3)
    lean = 1.15
    flat = to_image(resized(alpha, box.width, low))
    canvas = Image.new("L", (box.width + 2 * pad + int(low * lean), low + 2 * pad))
    canvas.paste(flat, (pad, pad))
    # each row moves to the right by its height above the foot
    leaning = canvas.transform(
        canvas.size, Image.Transform.AFFINE, (1, lean, -lean * (pad + low), 0, 1, 0), Image.Resampling.BILINEAR
    )
    plane = to_pixels(leaning)
    near, far = blurred(plane, max(2.0, box.width * 0.012)), blurred(plane, max(3.0, box.width * 0.05))
    _, y = grid(*plane.shape)
    share = np.clip((pad + low - y) / low, 0, 1)
    dark = near * (1 - share) + far * share
    left = box.left - pad
    if mirrored:
        dark, left = dark[:, ::-1], box.left + box.width + pad - dark.shape[1]
    return Stain(dark, left, box.foot - low - pad - int(low * 0.06))


def _darken(canvas: Pixels, stain: Stain, tint: Rgb, strength: float) -> None:
    height, width = stain.plane.shape
    x0, y0 = max(0, stain.left), max(0, stain.top)
    x1, y1 = min(canvas.shape[1], stain.left + width), min(canvas.shape[0], stain.top + height)
    if x1 <= x0 or y1 <= y0:
        return
    window = canvas[y0:y1, x0:x1]
    part = stain.plane[y0 - stain.top : y1 - stain.top, x0 - stain.left : x1 - stain.left]
    share = np.clip(part, 0, 1)[..., None] * np.float32(strength)
    window *= 1 - share * (0.75 - 0.75 * colour(*tint))


def reflect(canvas: Pixels, sprite: Sprite, box: Box, strength: float) -> None:
    """A faint mirror image on a polished floor or on water, gone after a quarter of the height."""
    rows = max(2, box.height // 4)
    picture, alpha = sprite.picture[-rows:][::-1], sprite.alpha[-rows:][::-1]
    fade = np.linspace(1, 0, rows, dtype=np.float32)[:, None] ** 1.6
    soft = max(0.5, box.height / 260)
    paste(canvas, blurred(picture, soft), blurred(alpha, soft) * fade * np.float32(strength), box.left, box.foot - 2)
