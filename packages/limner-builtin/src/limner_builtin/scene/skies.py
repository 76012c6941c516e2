"""Skies: gradients, stars, clouds, globes, beams of light."""

import numpy as np

from limner_builtin.raster.pixels import blurred, colour, mixed, over, smoothstep
from limner_builtin.scene.palettes import Rgb
from limner_builtin.scene.view import Viewpoint


def gradient(view: Viewpoint) -> None:
    fall = np.clip(view.y / view.skyline, 0, 1)[..., None] ** 1.15
    view.canvas[:] = colour(*view.palette.zenith) * (1 - fall) + colour(*view.palette.haze) * fall


def open_sky(view: Viewpoint) -> None:
    if view.setting.time == "night":
        stars(view, 170)
        _glow(view, (0.8, 0.16), 0.05, (0.95, 0.94, 0.86), halo=0.2)
    elif view.setting.time == "sunset":
        _glow(view, (0.68, view.palette.horizon - 0.1), 0.07, (1.0, 0.93, 0.74), halo=0.42)
    else:
        _glow(view, (0.22, 0.1), 0.0, (1.0, 0.98, 0.9), halo=0.34)
    _clouds(view, 0.5 if view.setting.time == "day" else 0.28)


def stars(view: Viewpoint, many: int) -> None:
    points = np.zeros((view.height, view.width), np.float32)
    for _ in range(many):
        x, y = view.rng.random() * (view.width - 3), view.rng.random() ** 1.2 * (view.skyline - 3)
        bright = view.rng.random() ** 2.5
        size = 1 + int(bright > 0.75) + int(bright > 0.93)
        points[int(y) : int(y) + size, int(x) : int(x) + size] = 0.35 + 0.65 * bright
    glow = blurred(points, 0.8) * 1.3 + blurred(points, 5) * 3.0
    view.canvas += glow[..., None] * colour(0.95, 0.96, 1.0)


def deep_space(view: Viewpoint) -> None:
    for share, tint in ((0.9, (0.55, 0.16, 0.62)), (0.8, (0.1, 0.36, 0.75)), (0.5, (0.85, 0.4, 0.4))):
        cloud = smoothstep(0.48, 0.95, view.noise(2, 5))
        view.canvas += (cloud * np.float32(share * 0.55))[..., None] * colour(*tint)
    stars(view, 320)


def alien_sky(view: Viewpoint) -> None:
    stars(view, 120)
    _clouds(view, 0.25)
    _globe(view, 0.78, 0.2, 0.13, (view.palette.haze, view.palette.near_ground))
    _globe(view, 0.18, 0.14, 0.05, (view.palette.haze, view.palette.hills))


def glowing_sky(view: Viewpoint) -> None:
    smoke = smoothstep(0.45, 0.9, view.noise(3, 5))
    view.canvas = over(colour(0.2, 0.06, 0.07), smoke * 0.6, view.canvas)
    _glow(view, (0.5, view.palette.horizon), 0.0, (1.0, 0.45, 0.12), halo=0.5)


def sunbeams(view: Viewpoint) -> None:
    """Light falling through water: slanted bands that fade with depth."""
    slant = (view.x / view.width + 0.35 * view.y / view.height) * 9
    phase = float(view.rng.random()) * 6
    bands = np.sin(slant + phase) * np.sin(slant * 2.3 + phase * 2) * 0.5 + 0.5
    fade = np.clip(1 - view.y / (view.skyline * 1.1), 0, 1) ** 1.4
    view.canvas += (bands**2 * fade * np.float32(0.22))[..., None] * colour(0.8, 1.0, 1.0)


def no_sky(view: Viewpoint) -> None:
    """Indoors and underground: an uneven wall with a pool of light."""
    rough = view.noise(4, 5) - 0.5
    view.canvas *= (1 + 0.16 * rough)[..., None] if view.setting.shown == "cave" else 1
    _glow(view, (0.42, 0.3), 0.0, (1.0, 0.97, 0.9), halo=0.4)


def _glow(view: Viewpoint, at: tuple[float, float], radius: float, tint: Rgb, halo: float) -> None:
    distance = np.hypot(view.x - at[0] * view.width, view.y - at[1] * view.height) / view.unit
    light = np.exp(-((distance / halo) ** 2) * 2.2) * 0.42
    view.canvas += light[..., None] * (colour(*tint) - view.canvas * 0.6)
    if radius:
        disc = 1 - smoothstep(radius - 0.003, radius + 0.003, distance)
        view.canvas = over(colour(*tint), disc, view.canvas)


def _globe(view: Viewpoint, x: float, y: float, radius: float, tones: tuple[Rgb, Rgb]) -> None:
    dx = (view.x - x * view.width) / (radius * view.unit)
    dy = (view.y - y * view.height) / (radius * view.unit)
    reach = np.hypot(dx, dy)
    depth = np.sqrt(np.clip(1 - reach**2, 0, 1))
    lit = np.clip(-0.6 * dx - 0.5 * dy + 0.62 * depth, 0, 1) * (0.85 + 0.3 * view.noise(6, 4))
    ball = colour(*tones[1]) * 0.5 + (colour(*tones[0]) - colour(*tones[1]) * 0.5) * lit[..., None]
    view.canvas = over(ball, 1 - smoothstep(0.985, 1.01, reach), view.canvas)


def _clouds(view: Viewpoint, strength: float) -> None:
    """Billows: the same noise read a little nearer to the sun tells which side is lit."""
    density = view.noise(3, 6, stretch=2.0)
    lift = 0.12 * np.clip(view.y / view.skyline, 0, 1)
    cover = smoothstep(0.56, 0.78, density + lift)
    lit = np.clip(0.72 + (density - np.roll(density, (-view.unit // 40, -view.unit // 40), (0, 1))) * 3.2, 0, 1)
    tone = mixed(view.palette.haze, view.palette.zenith, 0.22) * (1 - lit[..., None]) + lit[..., None] * mixed(
        (1.0, 1.0, 1.0), view.palette.haze, 0.25 if view.setting.time == "day" else 0.85
    )
    fade = np.clip(1.15 - view.y / view.skyline, 0, 1)
    view.canvas = over(tone, cover * fade * np.float32(strength * 1.5), view.canvas)
