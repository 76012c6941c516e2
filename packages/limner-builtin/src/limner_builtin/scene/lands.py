"""What rises at the skyline: hills, peaks, towers, a wall."""

import numpy as np

from limner_builtin.raster.pixels import Pixels, blurred, colour, mixed, over, smoothstep
from limner_builtin.scene.view import Viewpoint


def hills(view: Viewpoint) -> None:
    _ridges(view, 3, 0.2, 5)


def peaks(view: Viewpoint) -> None:
    _ridges(view, 2, 0.4, 9, sharp=True)
    _ridges(view, 2, 0.12, 5)


def dunes(view: Viewpoint) -> None:
    _ridges(view, 3, 0.15, 4)


def rocks(view: Viewpoint) -> None:
    _ridges(view, 3, 0.26, 10, sharp=True)


def far_shore(view: Viewpoint) -> None:
    _ridges(view, 1, 0.07, 6)


def flat(view: Viewpoint) -> None:
    """Nothing between the sky and the floor."""


def skyline(view: Viewpoint) -> None:
    for layer in range(3):
        share = 0.3 + 0.3 * layer
        tone = mixed(view.palette.haze, view.palette.hills, share)
        x = -view.rng.random() * 0.05
        while x < 1:
            wide = 0.06 + 0.07 * view.rng.random()
            tall = (0.34 - 0.06 * layer) * (0.45 + 0.75 * view.rng.random())
            _tower(view, x, wide - 0.006, tall, tone * (0.92 + 0.16 * view.rng.random()))
            x += wide


def _tower(view: Viewpoint, x: float, wide: float, tall: float, tone: Pixels) -> None:
    left, right = max(0, int(x * view.width)), min(view.width, int((x + wide) * view.width))
    top = max(0, view.skyline - int(tall * view.height))
    if right - left < 6:
        return
    across = np.linspace(0, 1, right - left, dtype=np.float32)[None, :, None]
    rows = np.linspace(0, 1, view.skyline - top, dtype=np.float32)[:, None, None]
    front = tone * (1.1 - 0.26 * smoothstep(0.55, 0.6, across)) * (1 - 0.1 * rows)
    cell = max(8, view.unit // 64)
    lit = view.rng.random((front.shape[0] // cell + 1, front.shape[1] // cell + 1)) < 0.45
    on = np.repeat(np.repeat(lit, cell, 0), cell, 1)[: front.shape[0], : front.shape[1]].astype(np.float32)
    inner = (np.arange(front.shape[0]) % cell > cell * 0.35)[:, None] & (np.arange(front.shape[1]) % cell > cell * 0.4)[
        None
    ]
    glass = colour(1.0, 0.86, 0.5) if view.setting.time != "day" else mixed(view.palette.zenith, (1, 1, 1), 0.55)
    strength = 0.8 if view.setting.time != "day" else 0.4
    view.canvas[top : view.skyline, left:right] = over(glass, on * inner * np.float32(strength), front)


def wall(view: Viewpoint) -> None:
    """A skirting board and a bright window's light on the wall."""
    board = smoothstep(0, 2, view.y - (view.skyline - view.unit * 0.03))
    view.canvas = over(colour(0.98, 0.95, 0.9), np.broadcast_to(board, view.canvas.shape[:2]), view.canvas)
    u = (view.x / view.width - 0.16 - 0.16 * (view.y / view.height)) / 0.3
    v = (view.y / view.height - 0.1) / 0.36
    inside = (
        smoothstep(0, 0.05, u) * (1 - smoothstep(0.95, 1, u)) * smoothstep(0, 0.05, v) * (1 - smoothstep(0.95, 1, v))
    )
    bars = smoothstep(0.012, 0.03, np.abs(u - 0.5)) * smoothstep(0.012, 0.03, np.abs(v - 0.5))
    view.canvas += (blurred((inside * bars).astype(np.float32), 5) * np.float32(0.13))[..., None] * colour(
        1.0, 0.9, 0.7
    )


def _ridges(view: Viewpoint, many: int, tall: float, knots: int, *, sharp: bool = False) -> None:
    for layer in range(many):
        share = (layer + 1) / (many + 0.6)
        profile = _profile(view, knots + 3 * layer, sharp=sharp)
        top = view.skyline - view.height * (tall * (1 - 0.62 * layer / many) * profile + 0.012)
        tone = mixed(view.palette.haze, view.palette.hills, 0.35 + 0.6 * share)
        _slope(view, top, tone, sharp=sharp)


def _slope(view: Viewpoint, top: Pixels, tone: Pixels, *, sharp: bool) -> None:
    """One ridge: brighter along its crest and on the side that faces the light."""
    depth = (view.y - top[None, :]) / (view.height * 0.12)
    facing = np.clip(np.gradient(top)[None, :] * (0.16 if sharp else 0.8), -0.5, 0.5)
    light = 1 + (0.16 - 0.28 * facing) * np.exp(-np.maximum(depth, 0) * 1.6)
    body = tone * light[..., None]
    mask = smoothstep(-1.5, 1.5, view.y - top[None, :]) * (view.y < view.skyline + 2)
    view.canvas = over(body, mask.astype(np.float32), view.canvas)


def _profile(view: Viewpoint, knots: int, *, sharp: bool) -> Pixels:
    heights = view.rng.random(knots + 1).astype(np.float32)
    xs = np.linspace(0, knots, view.width)
    if sharp:
        fine = view.rng.random(knots * 6 + 1).astype(np.float32)
        return (
            0.8 * np.interp(xs, np.arange(knots + 1), heights) + 0.2 * np.interp(xs * 6, np.arange(knots * 6 + 1), fine)
        ).astype(np.float32)
    step = xs - np.floor(xs)
    ease = step * step * (3 - 2 * step)
    index = np.minimum(np.floor(xs).astype(int), knots - 1)
    profile: Pixels = (heights[index] * (1 - ease) + heights[index + 1] * ease).astype(np.float32)
    return profile
