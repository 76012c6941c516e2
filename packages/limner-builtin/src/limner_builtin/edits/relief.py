"""Guessing depth from one picture. The silhouette gives the large form, light and dark inside it give the small ones.

It is an estimate in the manner of a sculptor's bas-relief, not a measurement: dark is taken for low.
"""

import numpy as np

from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, from_hsv, guided, luma, smoothed, smoothstep, to_hsv


def relief(picture: Pixels, alpha: Pixels, detail: float = 1.0) -> Pixels:
    """Heights in pixels."""
    side = float(max(alpha.shape))
    form = inflated((alpha > 0.5).astype(np.float32), side * 0.5)
    tones = guided(_evened(luma(picture), alpha, side), luma(picture), max(2, int(side / 220)), 0.004)
    tones = _filled(tones, alpha, side)
    broad = blurred(tones, side / 90) - blurred(tones, side / 13)
    fine = tones - blurred(tones, side / 80)
    height = form * 0.5 + (broad * side * 0.075 + fine * side * 0.024) * np.float32(detail)
    return blurred(height, max(0.8, side / 900)) * smoothstep(0.0, 0.6, alpha)


def _evened(tones: Pixels, alpha: Pixels, side: float) -> Pixels:
    """Local contrast made alike everywhere, so that a dark coat has as many folds as a bright one."""
    mean = blurred(tones, side / 10)
    spread = np.sqrt(np.maximum(blurred((tones - mean) ** 2, side / 10), 1e-5))
    return np.clip(0.5 + (tones - mean) / (spread + 0.09) * 0.22, 0, 1) * alpha + 0.5 * (1 - alpha)


def _filled(tones: Pixels, alpha: Pixels, side: float) -> Pixels:
    """Outside the subject its own mean goes on, or the outline would become a wall."""
    weight = blurred(alpha, side / 30)
    mean = blurred(tones * alpha, side / 30) / np.maximum(weight, 1e-3)
    return tones * alpha + np.where(weight > 1e-3, mean, 0.5) * (1 - alpha)


def unlit(picture: Pixels, side: float) -> Pixels:
    """The surface's own colour: broad light and shade taken out, texture calmed."""
    calm = smoothed(picture, max(2, int(side / 200)), 0.002)
    light = blurred(luma(calm), side / 9)[..., None]
    return np.clip(calm * (0.6 / (light + 0.22)) ** np.float32(0.5), 0, 1)


def livelier(picture: Pixels, factor: float) -> Pixels:
    hue, saturation, value = to_hsv(picture)
    return from_hsv(hue, np.clip(saturation * np.float32(factor), 0, 1), value)
