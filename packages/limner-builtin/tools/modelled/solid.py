"""Bodies of a few rounded solids that flow into each other, in soft light from above."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Rgb = tuple[float, float, float]
Point = tuple[float, float, float]
Plane = np.ndarray

STEPS, FAR, GROUND = 64, 1.6, 0.9
SEAM = 0.022
"""How wide the colours of two parts mix at most."""
NEAR = 2.4


def _length(vectors: Plane) -> Plane:
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


@dataclass(frozen=True, slots=True)
class Ball:
    """An ellipsoid; x to the right, y up, z towards us."""

    centre: Point
    radii: Point
    rgb: Rgb

    def distance(self, at: Plane) -> Plane:
        radii = np.asarray(self.radii, np.float32)
        offset = (at - np.asarray(self.centre, np.float32)) / radii
        inside, slope = _length(offset), _length(offset / radii)
        return inside * (inside - 1) / np.maximum(slope, 1e-4)


@dataclass(frozen=True, slots=True)
class Limb:
    """A round bar from one point to another, of one thickness at each end."""

    start: Point
    end: Point
    thick: float
    thin: float
    rgb: Rgb

    def distance(self, at: Plane) -> Plane:
        start, along = np.asarray(self.start, np.float32), np.subtract(self.end, self.start).astype(np.float32)
        share = np.clip(((at - start) @ along) / float(along @ along), 0, 1)
        across = _length(at - start - share[..., None] * along)
        return across - (self.thick + (self.thin - self.thick) * share)


@dataclass(frozen=True, slots=True)
class Block:
    """A box with rounded edges; `roll` turns it in the picture's plane."""

    centre: Point
    halves: Point
    rgb: Rgb
    edge: float = 0.03
    roll: float = 0.0

    def distance(self, at: Plane) -> Plane:
        offset = at - np.asarray(self.centre, np.float32)
        if self.roll:
            c, s = np.cos(self.roll), np.sin(self.roll)
            offset = offset @ np.array(((c, -s, 0), (s, c, 0), (0, 0, 1)), np.float32)
        beyond = np.abs(offset) - np.asarray(self.halves, np.float32) + self.edge
        return _length(np.maximum(beyond, 0)) + np.minimum(beyond.max(-1), 0) - self.edge


@dataclass(frozen=True, slots=True)
class Drum:
    """A round body from one height to another, of one radius below and one above."""

    middle: tuple[float, float]
    low: float
    high: float
    wide: float
    narrow: float
    rgb: Rgb
    edge: float = 0.03

    def distance(self, at: Plane) -> Plane:
        x, y, z = at[..., 0] - self.middle[0], at[..., 1], at[..., 2] - self.middle[1]
        share = np.clip((y - self.low) / (self.high - self.low), 0, 1)
        slope = (self.wide - self.narrow) / (self.high - self.low)
        side = (np.sqrt(x * x + z * z) - self.wide - (self.narrow - self.wide) * share) / np.sqrt(1 + slope * slope)
        end = np.abs(y - (self.low + self.high) / 2) - (self.high - self.low) / 2
        beyond = np.stack([side, end], -1) + self.edge
        return _length(np.maximum(beyond, 0)) + np.minimum(beyond.max(-1), 0) - self.edge


@dataclass(frozen=True, slots=True)
class Patch:
    """Another colour within an ellipse of the front, as a belly has."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    rgb: Rgb
    lean: float = 0.0


Part = Ball | Limb | Block | Drum


@dataclass(frozen=True, slots=True)
class View:
    """From how far above and from how far to the side it is seen, in radians, and how softly the parts meet."""

    pitch: float = 0.12
    yaw: float = 0.0
    blend: float = 0.07


def looked_at(
    parts: Sequence[Part], patches: Sequence[Patch], size: int, across: float, view: View
) -> tuple[Plane, Plane]:
    """Colours and opacity on a square that is `across` wide; y = 0 is at `GROUND` of its height."""
    pixel = across / size
    x, up = np.meshgrid((np.arange(size) + 0.5) * pixel - across / 2, across * GROUND - (np.arange(size) + 0.5) * pixel)
    pitch, yaw = view.pitch, view.yaw
    aside = np.array((np.cos(yaw), 0, -np.sin(yaw)), np.float32)
    ahead = np.array((np.sin(yaw), 0, np.cos(yaw)), np.float32)
    upright = np.array((0, 1, 0), np.float32)
    forward = -np.sin(pitch) * upright - np.cos(pitch) * ahead
    upward = np.cos(pitch) * upright - np.sin(pitch) * ahead
    start = x.reshape(-1, 1) * aside + up.reshape(-1, 1) * upward - forward * NEAR
    at, nearest = start.astype(np.float32, copy=True), np.full(size * size, 9, np.float32)
    alive = np.arange(size * size)
    for _ in range(STEPS):
        gap = _whole(parts, at[alive], view.blend)
        nearest[alive] = np.minimum(nearest[alive], gap)
        at[alive] += (gap * 0.92)[:, None] * forward
        alive = alive[(gap > pixel / 8) & ((at[alive] - start[alive]) @ forward < NEAR + FAR)]
        if not alive.size:
            break
    alpha = np.clip(0.5 - (nearest - pixel) / pixel, 0, 1)
    seen = np.nonzero(alpha > 0)[0]
    colours = np.zeros((size * size, 3), np.float32)
    colours[seen] = _lit(parts, patches, at[seen], _normal(parts, at[seen], view.blend), view)
    return colours.reshape(size, size, 3), alpha.reshape(size, size)


def _whole(parts: Sequence[Part], at: Plane, blend: float) -> Plane:
    """The distance to all parts, smooth where two of them meet."""
    total = parts[0].distance(at)
    for part in parts[1:]:
        other = part.distance(at)
        share = np.clip(0.5 + 0.5 * (other - total) / blend, 0, 1)
        total = other + (total - other) * share - blend * share * (1 - share)
    return total


def _normal(parts: Sequence[Part], at: Plane, blend: float) -> Plane:
    step = 0.004
    sides = [_whole(parts, at + o, blend) - _whole(parts, at - o, blend) for o in np.eye(3, dtype=np.float32) * step]
    normal = np.stack(sides, -1)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)


def _tones(parts: Sequence[Part], patches: Sequence[Patch], at: Plane, seam: float) -> Plane:
    """Each part's colour, mixed at the seams, and the patches over them."""
    gaps = np.stack([part.distance(at) for part in parts])
    weight = np.exp(-(gaps - gaps.min(0)) / seam)
    tones = np.tensordot(weight / weight.sum(0), np.array([part.rgb for part in parts], np.float32), (0, 0))
    for patch in patches:
        x, y = at[..., 0] - patch.centre[0], at[..., 1] - patch.centre[1]
        x = x - patch.lean * y
        inside = np.hypot(x / patch.radii[0], y / patch.radii[1])
        share = np.clip((1.06 - inside) / 0.12, 0, 1) * (at[..., 2] > 0)
        tones += (np.asarray(patch.rgb, np.float32) - tones) * share[..., None]
    return tones


KEY = np.array((-0.45, 0.72, 0.53), np.float32)
DEEP = np.array((0.62, 0.42, 0.62), np.float32)
"""What shade does to a colour: darker, and towards violet, as in the heads."""


def _lit(parts: Sequence[Part], patches: Sequence[Patch], at: Plane, normal: Plane, view: View) -> Plane:
    near = sum(
        (h - _whole(parts, at + normal * h, view.blend)) / h * w for h, w in ((0.06, 0.5), (0.16, 0.35), (0.3, 0.25))
    )
    c, s = np.cos(view.yaw), np.sin(view.yaw)
    normal = normal @ np.array(((c, 0, s), (0, 1, 0), (-s, 0, c)), np.float32)  # as it is seen
    wrapped = np.clip((normal @ KEY) * 0.62 + 0.42, 0, 1)
    above = normal[..., 1] * 0.5 + 0.5
    open_air = np.clip(1 - 0.8 * near, 0.25, 1)
    light = np.clip((0.5 * wrapped + 0.5 * above) * 1.18, 0, 1) * open_air
    shade = DEEP + (1 - DEEP) * (light**0.8)[..., None]
    rim = np.clip(1 - normal[..., 2], 0, 1) ** 3 * np.clip(normal[..., 1], 0, 1)
    tones = _tones(parts, patches, at, min(SEAM, view.blend / 2)) * shade * 1.06
    return np.clip(tones + (0.1 * rim * open_air)[..., None], 0, 1)
