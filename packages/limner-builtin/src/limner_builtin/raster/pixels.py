"""Planes of float32 between 0 and 1, and the few operations on them that every picture here is made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.floating[Any]]
"""A plane (height, width) or a picture (height, width, 3), values between 0 and 1, float32 where it is large."""

LUMA = (0.2126, 0.7152, 0.0722)


def to_pixels(image: Image.Image) -> Pixels:
    """An 8-bit picture as floats; one plane for a grey picture."""
    return np.asarray(image, np.float32) / np.float32(255)


def to_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def colour(*rgb: float) -> Pixels:
    return np.array(rgb, np.float32)


def resized(pixels: Pixels, width: int, height: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.ndim == 2:
        return np.asarray(Image.fromarray(pixels).resize((width, height), how), np.float32)
    planes = [resized(np.ascontiguousarray(pixels[..., i]), width, height, how) for i in range(pixels.shape[2])]
    return np.dstack(planes)


def shrunk(pixels: Pixels, width: int, height: int) -> Pixels:
    return resized(pixels, width, height, Image.Resampling.BOX)


def luma(picture: Pixels) -> Pixels:
    tones: Pixels = picture[..., 0] * LUMA[0] + picture[..., 1] * LUMA[1] + picture[..., 2] * LUMA[2]
    return tones


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur. A wide one is done on a smaller picture, where it costs next to nothing."""
    if sigma < 0.3:
        return pixels
    if sigma <= 3:
        return _convolved(_convolved(pixels, sigma, 0), sigma, 1)
    height, width = pixels.shape[:2]
    factor = 2 ** int(np.ceil(np.log2(sigma / 3)))
    small = shrunk(pixels, max(1, width // factor), max(1, height // factor))
    return resized(blurred(small, sigma / factor), width, height, Image.Resampling.BICUBIC)


def _convolved(pixels: Pixels, sigma: float, axis: int) -> Pixels:
    reach = int(np.ceil(sigma * 2.6))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    pad = [(0, 0)] * pixels.ndim
    pad[axis] = (reach, reach)
    padded = np.pad(pixels, pad, mode="edge")
    length = pixels.shape[axis]
    total = np.zeros_like(pixels)
    for start, weight in enumerate(weights):
        window = padded[start : start + length] if axis == 0 else padded[:, start : start + length]
        total += np.float32(weight) * window
    return total


def boxed(plane: Pixels, reach: int) -> Pixels:
    """Mean over a square window, by running sums: the cost does not depend on the window."""
    padded = np.pad(plane, reach + 1, mode="edge").astype(np.float64)
    sums = padded.cumsum(0).cumsum(1)
    side = 2 * reach + 1
    window = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    mean: Pixels = (window[: plane.shape[0], : plane.shape[1]] / (side * side)).astype(np.float32)
    return mean


def guided(guide: Pixels, plane: Pixels, reach: int, strictness: float) -> Pixels:
    """The guided filter of He, Sun and Tang: `plane` smoothed, yet with the edges of `guide`."""
    mean_guide, mean_plane = boxed(guide, reach), boxed(plane, reach)
    variance = boxed(guide * guide, reach) - mean_guide * mean_guide
    slope = (boxed(guide * plane, reach) - mean_guide * mean_plane) / (variance + strictness)
    offset = mean_plane - slope * mean_guide
    return boxed(slope, reach) * guide + boxed(offset, reach)


def smoothed(picture: Pixels, reach: int, strictness: float) -> Pixels:
    """Each channel smoothed under its own guidance: flat surfaces, kept edges."""
    planes = [guided(plane, plane, reach, strictness) for plane in np.moveaxis(picture, 2, 0)]
    return np.dstack(planes)


def over(front: Pixels, alpha: Pixels, back: Pixels) -> Pixels:
    return back + (front - back) * alpha[..., None]


def smoothstep(low: float, high: float, pixels: Pixels) -> Pixels:
    t = np.clip((pixels - np.float32(low)) / np.float32(high - low), 0, 1)
    eased: Pixels = t * t * (3 - 2 * t)
    return eased


def mixed(first: Sequence[float] | Pixels, second: Sequence[float] | Pixels, share: float) -> Pixels:
    """The colour `share` of the way from `first` to `second`."""
    return np.asarray(first, np.float32) * (1 - share) + np.asarray(second, np.float32) * share


def grid(height: int, width: int) -> tuple[Pixels, Pixels]:
    """Pixel coordinates (x, y), ready to broadcast: a row and a column."""
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]


def to_hsv(picture: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Hue in degrees, saturation and value."""
    high, low = picture.max(2), picture.min(2)
    span = high - low
    safe = np.where(span > 1e-6, span, 1)
    red, green, blue = np.moveaxis(picture, 2, 0)
    hue = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return hue * 60 * (span > 1e-6), span / np.maximum(high, 1e-6), high


def from_hsv(hue: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    chroma = value * saturation
    planes = []
    for shift in (5, 3, 1):
        k = (shift + hue / 60) % 6
        planes.append(value - chroma * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.dstack(planes).astype(np.float32)
