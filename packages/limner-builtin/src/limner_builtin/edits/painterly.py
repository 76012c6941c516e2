"""Looks of paint and ink, made from a finished picture by filters."""

import numpy as np

from limner_builtin.raster.pixels import Pixels, blurred, boxed, colour, grid, luma, over, resized, smoothed, smoothstep

PAPER = (0.985, 0.972, 0.94)


def oil(picture: Pixels) -> Pixels:
    """Flat dabs with firm edges, stronger colours, light on the ridges of the paint."""
    unit = max(picture.shape) / 1024
    dabs = _flattened(_flattened(picture, max(2, round(4 * unit))), max(1, round(3 * unit)))
    rich = _livened(dabs, 1.28)
    ridges = _strokes(luma(dabs), unit)
    return np.clip(rich * (1 + (ridges * 0.2)[..., None]), 0, 1).astype(np.float32)


def watercolour(picture: Pixels) -> Pixels:
    """Washes that pool darker at their edges, on grained paper that stays white at the border."""
    height, width = picture.shape[:2]
    unit = max(height, width) / 1024
    washes = _flattened(smoothed(picture, max(2, round(6 * unit)), 0.008), max(2, round(4 * unit)))
    tones = luma(washes)
    pooled = np.clip((blurred(tones, 5 * unit) - blurred(tones, 1.2 * unit)) * 1.6, 0, 0.3)
    light = _livened(washes, 1.25) ** np.float32(0.8)
    grain = _noise(height, width, 2.2 * unit, 11) * 0.05 + _noise(height, width, 26 * unit, 12) * 0.06
    pigment = np.clip(light * (1 - pooled - grain * (1 - tones))[..., None] * 1.03, 0, 1)
    x, y = grid(height, width)
    edge = np.minimum(np.minimum(x, width - x) / (0.075 * width), np.minimum(y, height - y) / (0.075 * height))
    held = smoothstep(
        0.35, 0.75, edge + _noise(height, width, 18 * unit, 13) * 0.35 + _noise(height, width, 4 * unit, 14) * 0.1
    )
    paper = colour(*PAPER) * (1 - _noise(height, width, 1.1 * unit, 15)[..., None] * 0.025)
    return np.clip(over(pigment, held * 0.96, paper), 0, 1).astype(np.float32)


def ink(picture: Pixels) -> Pixels:
    """Brush lines and three washes of grey on warm paper."""
    height, width = picture.shape[:2]
    unit = max(height, width) / 1024
    tones = luma(picture)
    spread = _stretched(luma(smoothed(picture, max(2, round(6 * unit)), 0.01)))
    bleed = spread + _noise(height, width, 9 * unit, 21) * 0.06
    wash = 1 - 0.14 * (1 - smoothstep(0.6, 0.7, bleed)) - 0.2 * (1 - smoothstep(0.42, 0.52, bleed))
    wash -= 0.22 * (1 - smoothstep(0.24, 0.34, bleed)) + 0.3 * (1 - smoothstep(0.08, 0.16, bleed))
    lines = _lines(tones, 1.3 * unit)
    dark = blurred(np.minimum(wash, 1 - 0.9 * lines).astype(np.float32), 0.6 * unit)
    paper = colour(*PAPER) * (1 - _noise(height, width, 1.3 * unit, 22)[..., None] * 0.03)
    return over(np.broadcast_to(colour(0.09, 0.09, 0.11), paper.shape), 1 - dark, paper).astype(np.float32)


def comic(picture: Pixels) -> Pixels:
    """A few flat tones of strong colour inside black lines."""
    unit = max(picture.shape) / 1024
    flat = _livened(_flattened(smoothed(picture, max(2, round(5 * unit)), 0.006), max(2, round(4 * unit))), 1.4)
    tones = np.maximum(luma(flat), 1e-3)
    steps = _stretched(tones) * 5
    level = (np.floor(steps) + smoothstep(0.42, 0.58, steps % 1)) / 5
    shaded = flat * ((level * 0.85 + 0.12) / tones)[..., None]
    lines = _lines(luma(picture), 1.6 * unit)
    return over(np.zeros_like(flat), np.clip(lines, 0, 1), np.clip(shaded, 0, 1)).astype(np.float32)


def _flattened(picture: Pixels, reach: int) -> Pixels:
    """Kuwahara's filter: each pixel takes the mean of the calmest of four windows that meet in it."""
    means = np.dstack([boxed(plane, reach) for plane in np.moveaxis(picture, 2, 0)])
    tones = luma(picture)
    unrest = boxed(tones * tones, reach) - boxed(tones, reach) ** 2
    best, result = np.full(unrest.shape, np.inf, np.float32), means
    for down, right in ((0, 0), (0, 2 * reach), (2 * reach, 0), (2 * reach, 2 * reach)):
        there = _window(unrest, reach, down, right)
        calmer = there < best
        best = np.where(calmer, there, best)
        result = np.where(calmer[..., None], _window(means, reach, down, right), result)
    return blurred(result.astype(np.float32), 0.6)


def _window(pixels: Pixels, reach: int, down: int, right: int) -> Pixels:
    """The picture moved by up to `reach` pixels, its edges repeated."""
    padding = [(reach, reach), (reach, reach), (0, 0)][: pixels.ndim]
    padded = np.pad(pixels, padding, mode="edge")
    return padded[down : down + pixels.shape[0], right : right + pixels.shape[1]]


def _livened(picture: Pixels, factor: float) -> Pixels:
    tones = luma(picture)[..., None]
    return np.clip(tones + (picture - tones) * np.float32(factor), 0, 1)


def _strokes(tones: Pixels, unit: float) -> Pixels:
    """Relief of bristles that run along the shapes, between -1 and 1."""
    height, width = tones.shape
    down, across = np.gradient(blurred(tones, 6 * unit))
    norm = np.hypot(down, across) + 1e-4
    calm = smoothstep(0.0, 0.004, norm)
    dx, dy = -down / norm * calm + 0.8 * (1 - calm), across / norm * calm + 0.6 * (1 - calm)
    bristles = _noise(height, width, 0.9 * unit, 31)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    total = np.zeros_like(tones)
    reach = max(2, round(5 * unit))
    for step in range(-reach, reach + 1):
        rows = np.clip(y + np.rint(dy * step).astype(np.int32), 0, height - 1)
        columns = np.clip(x + np.rint(dx * step).astype(np.int32), 0, width - 1)
        total += bristles[rows, columns]
    ridges: Pixels = np.clip(total / (reach + 1) * 1.3, -1, 1)
    return ridges


def _lines(tones: Pixels, sigma: float) -> Pixels:
    """Where a pen would draw: darker than what lies around, by a difference of two blurs."""
    near, far = blurred(tones, sigma), blurred(tones, sigma * 1.8)
    return smoothstep(0.006, 0.026, far - near)


def _stretched(tones: Pixels) -> Pixels:
    low, high = np.quantile(tones, (0.02, 0.98))
    spread: Pixels = np.clip((tones - low) / max(float(high - low), 0.15), 0, 1)
    return spread


def _noise(height: int, width: int, size: float, seed: int) -> Pixels:
    """Smooth noise of about that many pixels, with a deviation of one half at most times; equal in every run."""
    rows, columns = max(2, round(height / size)), max(2, round(width / size))
    rough = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32) * 0.5
    return resized(rough, width, height)
