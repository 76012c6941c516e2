"""A rounded body built from a few limbs, to carry a real head: for poses that a picture does not show.

The body is an approximation and says so wherever it is used; only its colours come from the picture.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image, ImageDraw

from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, colour, grid, resized, shrunk, smoothstep, to_pixels
from limner_builtin.raster.shading import Finish, pigment, shaded
from limner_builtin.raster.sprite import Sprite, paste

Rgb = tuple[float, float, float]
Point = tuple[float, float]


class Pose(StrEnum):
    T = "t"
    A = "a"


@dataclass(frozen=True, slots=True)
class Clothes:
    skin: Rgb
    top: Rgb
    sleeves: Rgb
    bottom: Rgb
    shoes: Rgb
    hands: Rgb


@dataclass(frozen=True, slots=True)
class DollHead:
    """A cut-out head. `chin` and `axis` say where it sits on a neck, as shares of its box."""

    sprite: Sprite
    chin: float = 0.96
    axis: float = 0.5


@dataclass(frozen=True, slots=True)
class Limb:
    start: Point
    end: Point
    thick: float
    thin: float
    tone: Rgb


@dataclass(frozen=True, slots=True)
class Blob:
    centre: Point
    across: float
    down: float
    tone: Rgb


@dataclass(frozen=True, slots=True)
class Panel:
    outline: tuple[Point, ...]
    tone: Rgb


Part = Limb | Blob | Panel
ARM_ANGLES = {Pose.T: 2.0, Pose.A: 48.0}
"""How far the arms hang below the horizontal, in degrees."""
SHOULDER, HIP, KNEE, ANKLE = 0.375, 0.61, 0.755, 0.895
UPPER_ARM, FOREARM = 0.165, 0.135
HEAD_TOP, CHIN = 0.02, 0.3
CLOTH = Finish(roughness=0.55, rim=0.18)


def doll(head: DollHead, clothes: Clothes, pose: Pose, size: int, finish: Finish = CLOTH) -> Sprite:
    """The figure on a square of `size` pixels, not cropped: the feet stand at 96 % of its height."""
    tones, mask, seams = _painted(_body(clothes, pose), size)
    height = inflated(mask, size * 0.16) * 0.75 + seams * 0.55
    picture = shaded(blurred(height, size / 480), pigment(blurred(tones, size / 700)), finish, scale=size)
    alpha = smoothstep(0.3, 0.7, blurred(mask, size / 1000))
    return _with_head(Sprite(picture, alpha), head, size)


def _body(clothes: Clothes, pose: Pose) -> list[list[Part]]:
    """Garments from back to front; what belongs to one garment flows together."""
    shoes = [part for side in (-1, 1) for part in _shoe(side, clothes)]
    trousers = [Panel(_hips(), clothes.bottom), *(part for side in (-1, 1) for part in _leg(side, clothes))]
    neck: list[Part] = [Limb((0.5, CHIN - 0.03), (0.5, 0.35), 0.036, 0.042, clothes.skin)]
    hands = [part for side in (-1, 1) for part in _hand(*_arm_joints(side, pose)[1:], side, clothes)]
    left, right = (_sleeve(*_arm_joints(side, pose), clothes) for side in (-1, 1))
    return [shoes, trousers, neck, hands, left, right, [Panel(_torso(), clothes.top)]]


def _shoe(side: int, clothes: Clothes) -> list[Part]:
    ankle = (0.5 + side * 0.074, ANKLE)
    return [
        Blob((0.5 + side * 0.09, 0.928), 0.058, 0.034, clothes.shoes),
        Limb(ankle, (ankle[0], 0.915), 0.044, 0.046, clothes.shoes),
    ]


def _leg(side: int, clothes: Clothes) -> list[Part]:
    hip, knee, ankle = (0.5 + side * 0.057, HIP), (0.5 + side * 0.068, KNEE), (0.5 + side * 0.074, ANKLE)
    return [Limb(hip, knee, 0.062, 0.052, clothes.bottom), Limb(knee, ankle, 0.052, 0.047, clothes.bottom)]


def _arm_joints(side: int, pose: Pose) -> tuple[Point, Point, Point]:
    """Shoulder, elbow and wrist."""
    angle = math.radians(ARM_ANGLES[pose])
    across, down = math.cos(angle) * side, math.sin(angle)
    shoulder = (0.5 + side * 0.098, SHOULDER)
    elbow = (shoulder[0] + across * UPPER_ARM, shoulder[1] + down * UPPER_ARM)
    return shoulder, elbow, (elbow[0] + across * FOREARM, elbow[1] + down * FOREARM)


def _sleeve(shoulder: Point, elbow: Point, wrist: Point, clothes: Clothes) -> list[Part]:
    return [Limb(shoulder, elbow, 0.052, 0.043, clothes.sleeves), Limb(elbow, wrist, 0.043, 0.037, clothes.sleeves)]


def _hand(elbow: Point, wrist: Point, side: int, clothes: Clothes) -> list[Part]:
    """A mitten: a palm along the forearm, and a thumb on the upper side."""
    across, down = (wrist[0] - elbow[0]) / FOREARM, (wrist[1] - elbow[1]) / FOREARM
    tip = (wrist[0] + across * 0.058, wrist[1] + down * 0.058)
    thumb = (wrist[0] + across * 0.03 + down * side * 0.034, wrist[1] + down * 0.03 - abs(across) * 0.034)
    return [Limb(wrist, thumb, 0.017, 0.013, clothes.hands), Limb(wrist, tip, 0.031, 0.025, clothes.hands)]


def _torso() -> tuple[Point, ...]:
    right = ((0.045, 0.326), (0.098, 0.336), (0.128, 0.362), (0.128, 0.41), (0.112, 0.5), (0.108, 0.56), (0.114, 0.6))
    return (*((0.5 + x, y) for x, y in right), *((0.5 - x, y) for x, y in reversed(right)))


def _hips() -> tuple[Point, ...]:
    right = ((0.108, 0.585), (0.118, 0.62), (0.118, 0.66), (0.06, 0.68), (0.008, 0.69))
    return (*((0.5 + x, y) for x, y in right), *((0.5 - x, y) for x, y in reversed(right)))


def _painted(garments: list[list[Part]], size: int) -> tuple[Pixels, Pixels, Pixels]:
    """Colours, the whole silhouette, and each garment's own heights, which keep sleeves apart from a chest."""
    tones, mask = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    seams = np.zeros((size, size), np.float32)
    for garment in garments:
        cloth = np.zeros((size, size), np.float32)
        for part in garment:
            shape = blurred(_shape(part, size), size / 900)
            tones += (colour(*part.tone) - tones) * shape[..., None]
            cloth = np.maximum(cloth, shape)
        cloth = np.maximum(cloth, smoothstep(0.44, 0.56, blurred(cloth, size / 120)))
        mask = np.maximum(mask, cloth)
        seams += (_raised(cloth, size) - seams) * cloth
    return tones, np.maximum(mask, smoothstep(0.44, 0.56, blurred(mask, size / 150))), seams


def _raised(cloth: Pixels, size: int) -> Pixels:
    """Half the resolution will do for a shape this round."""
    half = size // 2
    return resized(inflated(shrunk(cloth, half, half), size * 0.05) * 2, size, size)


def _shape(part: Part, size: int) -> Pixels:
    image = Image.new("L", (size, size))
    pen = ImageDraw.Draw(image)
    match part:
        case Limb():
            return _capsule(part, size)
        case Blob():
            x, y = part.centre
            box = (x - part.across, y - part.down, x + part.across, y + part.down)
            pen.ellipse([value * size for value in box], fill=255)
        case Panel():
            pen.polygon([(x * size, y * size) for x, y in part.outline], fill=255)
            return smoothstep(0.35, 0.65, blurred(to_pixels(image), size / 70))
    return to_pixels(image)


def _capsule(limb: Limb, size: int) -> Pixels:
    x, y = grid(size, size)
    ax, ay = limb.start[0] * size, limb.start[1] * size
    dx, dy = limb.end[0] * size - ax, limb.end[1] * size - ay
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    distance = np.hypot(x - ax - along * dx, y - ay - along * dy)
    radius = (limb.thick + (limb.thin - limb.thick) * along) * size
    return (1 - smoothstep(-0.8, 0.8, distance - radius)).astype(np.float32)


def _with_head(body: Sprite, head: DollHead, size: int) -> Sprite:
    """The head in front of the neck, as large as its place allows."""
    sprite = head.sprite
    tall = (CHIN + 0.015 - HEAD_TOP) * size / head.chin
    scale = min(tall / sprite.height, 0.36 * size / sprite.width)
    sprite = sprite.fitted(max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
    left = round(0.5 * size - head.axis * sprite.width)
    top = round((CHIN + 0.015) * size - head.chin * sprite.height)
    picture, alpha = body.picture.copy(), body.alpha.copy()
    _neck_shade(picture, size)
    paste(picture, sprite.picture, sprite.alpha, left, top)
    cover = np.zeros((size, size, 3), np.float32)
    paste(cover, np.ones_like(sprite.picture), sprite.alpha, left, top)
    return Sprite(picture, np.maximum(alpha, cover[..., 0]))


def _neck_shade(picture: Pixels, size: int) -> None:
    x, y = grid(size, size)
    dark = np.exp(-(((x / size - 0.5) / 0.07) ** 2) - ((y / size - CHIN - 0.01) / 0.03) ** 2) * 0.4
    picture *= (1 - dark)[..., None]
