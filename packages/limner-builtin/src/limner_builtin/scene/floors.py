"""The ground in perspective, by a pattern that is asked for a brightness at each place of the plane."""

from collections.abc import Callable

import numpy as np

from limner_builtin.raster.pixels import Pixels, colour, mixed, over, smoothstep
from limner_builtin.scene.view import Viewpoint

Pattern = Callable[[Viewpoint, Pixels, Pixels], Pixels]
"""Brightness at places of the plane: how far aside, how far away."""


def laid(view: Viewpoint, pattern: Pattern) -> None:
    """The ground plane: `pattern` is asked for a brightness at each place of the plane."""
    rows = np.arange(view.skyline, view.height, dtype=np.float32)[:, None]
    t = (rows - view.skyline) / max(1, view.height - view.skyline)
    away = 1 / (t + 0.07)
    across = (view.x - view.width / 2) / view.unit * away
    near = t[..., None] ** 0.8
    ground = colour(*view.palette.far_ground) * (1 - near) + colour(*view.palette.near_ground) * near
    pool = np.exp(-(((view.x / view.width - 0.5) / 0.4) ** 2) - ((t - 0.5) / 0.5) ** 2)[..., None]
    ground = ground * (0.94 + 0.13 * pool) * pattern(view, across, np.broadcast_to(away, across.shape))[..., None]
    mist = np.exp(-t * 14)[..., None] * 0.5
    view.canvas[view.skyline :] = ground * (1 - mist) + colour(*view.palette.haze) * mist * 0.92


def soil(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    return 0.9 + 0.2 * view.texture(across * 22, away * 22)


def grass(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    return 0.82 + 0.24 * view.texture(across * 60, away * 16) + 0.12 * view.texture(across * 8, away * 8)


def sand(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    ripples = np.sin(away * 26 + 3.0 * view.texture(across * 6, away * 6)) * 0.5 + 0.5
    return 0.93 + 0.05 * ripples + 0.06 * view.texture(across * 40, away * 40)


def craters(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    rough = view.texture(across * 14, away * 14)
    shifted = view.texture(across * 14 + 1.4, away * 14 + 1.4)
    dust = view.texture(across * 70, away * 70)
    return 0.93 + np.clip((shifted - rough) * 0.34, -0.09, 0.1) + 0.08 * dust


def pavement(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    seams = np.maximum(_seam(across * 2.2), _seam(away * 2.2)) * np.clip(2.2 / away, 0, 1)
    paved: Pixels = 0.97 - 0.14 * seams + 0.06 * view.texture(across * 30, away * 30)
    return paved


def planks(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    board = np.floor(across * 3.2)
    shade = np.sin(board * 12.9898) * 43758.5453 % 1.0
    grain = view.texture(across * 70, away * 3 + board * 7)
    boards: Pixels = (0.86 + 0.14 * shade + 0.1 * grain - 0.2 * _seam(across * 3.2)).astype(np.float32)
    return boards


def waves(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    swell = view.texture(across * 5, away * 13)
    crest = smoothstep(0.62, 0.85, view.texture(across * 9 + 5, away * 22))
    return 0.86 + 0.26 * swell + 0.3 * crest


def embers(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    return 0.7 + 0.5 * view.texture(across * 18, away * 18)


def cloud_floor(view: Viewpoint, across: Pixels, away: Pixels) -> Pixels:
    return 0.9 + 0.16 * view.texture(across * 5, away * 5)


SHORE = 0.24
"""How far down the floor the sea comes on a beach."""


def shore(view: Viewpoint) -> None:
    """A strip of sea between the skyline and the sand, with a ragged line of foam."""
    depth = int(SHORE * (view.height - view.skyline))
    strip = np.s_[view.skyline : view.skyline + depth]
    t = np.repeat(np.linspace(0, 1, depth, dtype=np.float32)[:, None], view.width, 1)
    x = np.repeat(view.x / view.unit, depth, 0)
    glitter = smoothstep(0.6, 0.95, view.texture(x * 40, t * 60))[..., None] * np.float32(0.16)
    deep, shallow = mixed((0.1, 0.5, 0.72), view.palette.zenith, 0.3), mixed((0.5, 0.86, 0.86), view.palette.haze, 0.3)
    water = deep * (1 - t[..., None]) + shallow * t[..., None] + glitter
    wet = 1 - smoothstep(0.82, 1.0, t + 0.06 * view.texture(x * 7, t * 0 + 3))
    foam = np.exp(-(((wet - 0.5) / 0.3) ** 2)) * 0.7
    view.canvas[strip] = over(colour(1.0, 1.0, 1.0), foam, over(water, wet, view.canvas[strip]))


def _seam(position: Pixels) -> Pixels:
    apart = np.abs(position - np.round(position))
    return (1 - smoothstep(0.012, 0.04, apart)).astype(np.float32)
