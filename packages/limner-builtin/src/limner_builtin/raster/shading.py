"""Light on a height field: a warm key from the upper left, a cool fill, a rim, and a sky that fills the shadows."""

from dataclasses import dataclass

import numpy as np

from limner_builtin.raster.pixels import Pixels, blurred, colour


@dataclass(frozen=True, slots=True)
class Finish:
    """What a surface is made of: how blurred its reflections are, how metallic, how strong its lit edge."""

    roughness: float = 0.4
    metal: float = 0.0
    rim: float = 0.22
    bump: float = 1.0
    occlusion: float = 1.0


@dataclass(frozen=True, slots=True)
class Lamp:
    direction: tuple[float, float, float]
    tint: tuple[float, float, float]
    power: float


PLASTIC = Finish(roughness=0.36)
VINYL = Finish(roughness=0.28, rim=0.28)
CLAY = Finish(roughness=0.75, rim=0.08, occlusion=1.35)
METAL = Finish(roughness=0.32, metal=0.85, rim=0.3)

SOFTBOX = (
    Lamp((-0.55, -0.62, 0.72), (1.0, 0.96, 0.89), 1.0),
    Lamp((0.85, -0.15, 0.45), (0.78, 0.87, 1.0), 0.34),
    Lamp((0.15, 0.75, 0.35), (1.0, 0.84, 0.78), 0.13),
)
RAKING = (
    Lamp((-0.78, -0.5, 0.48), (1.0, 0.97, 0.92), 1.15),
    Lamp((0.8, -0.1, 0.5), (0.84, 0.9, 1.0), 0.26),
    Lamp((0.2, 0.8, 0.3), (1.0, 0.92, 0.86), 0.1),
)
TONE = 1.3
SKY, GROUND = colour(0.84, 0.9, 1.0), colour(0.62, 0.53, 0.5)


def shaded(
    height: Pixels, albedo: Pixels, finish: Finish = PLASTIC, lamps: tuple[Lamp, ...] = SOFTBOX, scale: float = 1.0
) -> Pixels:
    """The lit picture of a height field in pixels. `scale` is the size, in pixels, that hollows are measured by."""
    normal = _normals(height, finish.bump)
    hollow = _occlusion(height, scale, finish.occlusion)[..., None]
    diffuse = albedo * np.float32(1 - 0.8 * finish.metal)
    sheen = colour(0.04, 0.04, 0.04) * (1 - finish.metal) + albedo * finish.metal
    upward = (0.5 - 0.5 * normal[1])[..., None]
    light = (diffuse + sheen * finish.metal * 0.7) * (GROUND * (1 - upward) + SKY * upward) * hollow * 0.6
    for lamp in lamps:
        light += _lamp(normal, lamp, diffuse, sheen, finish) * (0.5 + 0.5 * hollow)
    edge = (1 - np.clip(normal[2], 0, 1)) ** 3
    light += edge[..., None] * SKY * np.float32(finish.rim)
    return _filmic(light)


def _normals(height: Pixels, bump: float) -> tuple[Pixels, Pixels, Pixels]:
    down, across = np.gradient(height * np.float32(bump))
    length = np.sqrt(across * across + down * down + 1)
    return -across / length, -down / length, 1 / length


def _occlusion(height: Pixels, scale: float, strength: float) -> Pixels:
    """Places lower than their surroundings see less of the sky, at two sizes of surroundings."""
    wide = (blurred(height, scale / 14) - height) / (scale * 0.16)
    near = (blurred(height, scale / 50) - height) / (scale * 0.05)
    return np.clip(1 - np.float32(strength) * (np.maximum(wide, 0) * 0.8 + np.maximum(near, 0) * 0.7), 0.3, 1)


def _lamp(normal: tuple[Pixels, Pixels, Pixels], lamp: Lamp, diffuse: Pixels, sheen: Pixels, finish: Finish) -> Pixels:
    to_lamp = np.array(lamp.direction) / np.linalg.norm(lamp.direction)
    half = to_lamp + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    lit = np.clip(_along(normal, to_lamp), 0, 1)
    power = 2 / finish.roughness**2 - 2
    glint = (power * 0.5 + 2) / 8 * np.clip(_along(normal, half), 0, 1) ** np.float32(power * 0.5)
    tint = np.asarray(lamp.tint, np.float32) * np.float32(lamp.power)
    light: Pixels = tint * lit[..., None] * (diffuse + sheen * (np.minimum(glint, 6) * 2.0)[..., None])
    return light


def _along(normal: tuple[Pixels, Pixels, Pixels], direction: np.ndarray) -> Pixels:
    x, y, z = (np.float32(part) for part in direction)
    cosine: Pixels = normal[0] * x + normal[1] * y + normal[2] * z
    return cosine


def pigment(shown: Pixels, exposure: float = 1.12) -> Pixels:
    """The albedo that comes out as the colour `shown` where the surface faces the lamps: the tone curve undone."""
    return (-np.log(1 - np.clip(shown, 0, 0.97)) / (TONE * exposure)).astype(np.float32)


def _filmic(light: Pixels) -> Pixels:
    return 1 - np.exp(-TONE * np.maximum(light, 0))
