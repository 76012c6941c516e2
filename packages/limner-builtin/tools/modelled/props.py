"""Things whose icons look coarse as reliefs, built of blocks, drums and balls."""

import math
from collections.abc import Callable, Sequence

from solid import Ball, Block, Drum, Limb, Part, Rgb, View

WOOD: Rgb = (0.72, 0.47, 0.27)
DARK_WOOD: Rgb = (0.5, 0.3, 0.18)
STONE: Rgb = (0.7, 0.68, 0.7)
DEEP_STONE: Rgb = (0.52, 0.5, 0.55)
WHITE: Rgb = (0.95, 0.93, 0.93)
RED: Rgb = (0.86, 0.24, 0.2)
GLASS: Rgb = (1.0, 0.86, 0.42)
INK: Rgb = (0.22, 0.2, 0.26)


def table() -> Sequence[Part]:
    legs = [Drum((x, z), 0, 0.72, 0.06, 0.08, WOOD) for x in (-0.82, 0.82) for z in (-0.4, 0.4)]
    return [
        Block((0, 0.78, 0), (1.0, 0.065, 0.55), WOOD, 0.05),
        Block((0, 0.66, 0), (0.85, 0.07, 0.42), DARK_WOOD, 0.02),
        *legs,
    ]


def bench() -> Sequence[Part]:
    slats = [Block((0, 0.48, z), (0.98, 0.035, 0.085), WOOD, 0.03) for z in (-0.2, 0.0, 0.2)]
    back = [Block((0, y, -0.36), (0.98, 0.075, 0.035), WOOD, 0.03) for y in (0.7, 0.9)]
    iron = [
        part
        for x in (-0.76, 0.76)
        for part in (
            Limb((x, 0, 0.26), (x, 0.44, 0.22), 0.05, 0.045, INK),
            Limb((x, 0, -0.34), (x, 0.98, -0.4), 0.05, 0.045, INK),
            Limb((x, 0.44, 0.24), (x, 0.44, -0.36), 0.045, 0.045, INK),
        )
    ]
    return [*slats, *back, *iron]


def bookshelf() -> Sequence[Part]:
    parts: list[Part] = [Block((x, 1.0, 0), (0.05, 1.0, 0.22), WOOD, 0.02) for x in (-0.75, 0.75)]
    parts += [Block((0, y, 0), (0.75, 0.04, 0.22), WOOD, 0.02) for y in (0.06, 0.52, 1.0, 1.48, 1.96)]
    parts.append(Block((0, 1.0, -0.2), (0.75, 1.0, 0.03), DARK_WOOD, 0.01))
    tones: tuple[Rgb, ...] = (RED, (0.2, 0.48, 0.8), (0.95, 0.72, 0.25), (0.25, 0.62, 0.42), (0.55, 0.36, 0.7), WHITE)
    for row, low in enumerate((0.1, 0.56, 1.04, 1.52)):
        x = -0.68
        for k in range(7):
            wide = 0.055 + 0.035 * ((k * 5 + row * 3) % 4) / 3
            tall = 0.15 + 0.035 * ((k * 3 + row) % 3) / 2
            if (k + row * 2) % 6 != 5:
                parts.append(Block((x + wide, low + tall, 0.03), (wide, tall, 0.15), tones[(k + row * 2) % 6], 0.015))
            x += 2 * wide + 0.012
    return parts


def lighthouse() -> Sequence[Part]:
    bands: list[Part] = []
    heights = (0.16, 0.5, 0.8, 1.06, 1.3, 1.5)
    for k in range(5):
        low, high = heights[k], heights[k + 1]
        wide, narrow = (0.46 - 0.16 * (z - 0.16) / 1.34 for z in (low, high))
        bands.append(Drum((0, 0), low, high + 0.005, wide, narrow, RED if k % 2 else WHITE, 0.004))
    rail = [Drum((0, 0), 1.5, 1.57, 0.4, 0.4, DEEP_STONE, 0.02), Drum((0, 0), 1.57, 1.84, 0.2, 0.2, GLASS, 0.02)]
    posts = [
        Limb(
            (0.23 * math.cos(a), 1.57, 0.23 * math.sin(a)),
            (0.23 * math.cos(a), 1.84, 0.23 * math.sin(a)),
            0.022,
            0.022,
            INK,
        )
        for a in (0.3 + k * math.pi / 4 for k in range(8))
    ]
    cap: list[Part] = [
        Drum((0, 0), 1.84, 1.89, 0.31, 0.31, RED, 0.02),
        Drum((0, 0), 1.88, 2.1, 0.29, 0.05, RED, 0.02),
        Ball((0, 2.13, 0), (0.05, 0.05, 0.05), RED),
    ]
    rocks: list[Part] = [
        Ball((x, y, z), (r, r * 0.62, r), DEEP_STONE)
        for x, y, z, r in (
            (0, 0.08, 0, 0.56),
            (-0.46, 0.06, 0.2, 0.3),
            (0.44, 0.06, 0.26, 0.34),
            (0.06, 0.04, 0.5, 0.3),
        )
    ]
    door: list[Part] = [
        Block((0, 0.36, 0.44), (0.1, 0.16, 0.06), DARK_WOOD, 0.05),
        Block((0, 0.94, 0.35), (0.055, 0.075, 0.05), INK, 0.03),
        Block((0, 1.36, 0.3), (0.05, 0.065, 0.05), INK, 0.03),
    ]
    return [*bands, *rail, *posts, *cap, *rocks, *door]


def windmill() -> Sequence[Part]:
    parts: list[Part] = [
        Drum((0, 0), 0, 0.26, 0.56, 0.53, DEEP_STONE, 0.03),
        Drum((0, 0), 0.24, 1.3, 0.5, 0.34, WHITE, 0.02),
        Drum((0, 0), 1.28, 1.36, 0.4, 0.4, DARK_WOOD, 0.02),
        Drum((0, 0), 1.36, 1.72, 0.38, 0.06, RED, 0.03),
        Block((0, 0.3, 0.48), (0.11, 0.18, 0.06), DARK_WOOD, 0.05),
        Block((0, 0.84, 0.4), (0.07, 0.09, 0.05), INK, 0.03),
        Ball((0, 1.3, 0.5), (0.08, 0.08, 0.08), DARK_WOOD),
        Limb((0, 1.3, 0.2), (0, 1.3, 0.5), 0.05, 0.05, DARK_WOOD),
    ]
    for k in range(4):
        angle = 0.42 + k * math.pi / 2
        c, s = math.cos(angle), math.sin(angle)
        parts.append(Limb((0, 1.3, 0.5), (0.8 * c, 1.3 + 0.8 * s, 0.5), 0.028, 0.022, DARK_WOOD))
        middle = (0.5 * c - 0.09 * s, 1.3 + 0.5 * s + 0.09 * c, 0.5)
        parts.append(Block(middle, (0.29, 0.085, 0.015), (0.96, 0.9, 0.78), 0.012, roll=angle))
    return parts


def tower() -> Sequence[Part]:
    parts: list[Part] = [
        Drum((0, 0), 0, 0.2, 0.6, 0.55, DEEP_STONE, 0.03),
        Drum((0, 0), 0.18, 1.5, 0.48, 0.43, STONE, 0.02),
        Drum((0, 0), 1.48, 1.74, 0.46, 0.56, STONE, 0.02),
        Block((0, 0.36, 0.48), (0.14, 0.24, 0.06), DARK_WOOD, 0.06),
        Block((-0.12, 1.0, 0.42), (0.05, 0.11, 0.06), INK, 0.04),
        Block((0.16, 1.3, 0.4), (0.05, 0.1, 0.06), INK, 0.04),
    ]
    for k in range(10):
        a = k * math.pi / 5 + 0.2
        parts.append(Block((0.48 * math.cos(a), 1.82, 0.48 * math.sin(a)), (0.09, 0.11, 0.09), STONE, 0.03))
    for k, (a, y) in enumerate(
        ((1.1, 0.5), (2.1, 0.74), (1.9, 1.15), (0.9, 0.82), (1.5, 1.42), (2.3, 0.4), (0.8, 1.2))
    ):
        r = 0.475 - 0.04 * y
        parts.append(
            Block((r * math.cos(a), y, r * math.sin(a)), (0.09, 0.05, 0.05), DEEP_STONE if k % 2 else WHITE, 0.03)
        )
    return parts


def iceberg() -> Sequence[Part]:
    ice: Rgb = (0.86, 0.95, 1.0)
    deep: Rgb = (0.55, 0.82, 0.96)
    return [
        Drum((0, 0), 0, 0.3, 0.98, 0.92, deep, 0.06),
        Drum((0, 0), 0.24, 0.36, 0.95, 0.86, ice, 0.05),
        Drum((-0.3, -0.1), 0.3, 1.5, 0.5, 0.1, ice, 0.06),
        Drum((0.32, -0.15), 0.3, 1.05, 0.42, 0.1, ice, 0.06),
        Drum((0.02, 0.2), 0.3, 0.8, 0.4, 0.12, (0.93, 0.98, 1.0), 0.06),
        Drum((-0.66, 0.15), 0.3, 0.66, 0.24, 0.06, ice, 0.05),
        Drum((0.66, 0.2), 0.3, 0.56, 0.2, 0.06, deep, 0.05),
    ]


def balloon() -> Sequence[Part]:
    tones: tuple[Rgb, ...] = (RED, (0.98, 0.8, 0.3))
    parts: list[Part] = [
        Ball((0.62 * math.sin(a) * 0.5, 1.42, 0.62 * math.cos(a) * 0.5), (0.36, 0.64, 0.36), tones[k % 2])
        for k, a in enumerate(j * math.pi / 6 for j in range(12))
    ]
    parts += [
        Drum((0, 0), 0.62, 1.0, 0.16, 0.5, RED, 0.02),
        Drum((0, 0), 0.1, 0.34, 0.15, 0.19, WOOD, 0.03),
        Drum((0, 0), 0.32, 0.37, 0.21, 0.21, DARK_WOOD, 0.02),
    ]
    for x, z in ((-0.14, 0.1), (0.14, 0.1), (-0.1, -0.14), (0.1, -0.14)):
        parts.append(Limb((x, 0.34, z), (x * 0.95, 0.66, z * 0.95), 0.014, 0.014, DARK_WOOD))
    return parts


LEAF: Rgb = (0.4, 0.72, 0.3)


def fruit_bowl() -> Sequence[Part]:
    orange: Rgb = (1.0, 0.6, 0.15)
    fruit: list[Part] = [
        Ball((-0.42, 0.74, 0.1), (0.27, 0.26, 0.27), RED),
        Ball((0.1, 0.8, 0.18), (0.28, 0.28, 0.28), orange),
        Ball((-0.1, 0.98, -0.2), (0.27, 0.26, 0.27), (0.55, 0.78, 0.25)),
        Ball((0.5, 0.72, -0.02), (0.24, 0.24, 0.24), (0.98, 0.8, 0.25)),
        Ball((0.5, 0.94, -0.02), (0.13, 0.2, 0.13), (0.98, 0.8, 0.25)),
        Limb((-0.42, 0.96, 0.1), (-0.4, 1.1, 0.1), 0.025, 0.02, DARK_WOOD),
        Limb((-0.1, 1.2, -0.2), (-0.06, 1.34, -0.2), 0.025, 0.02, DARK_WOOD),
        Ball((0.02, 1.3, -0.2), (0.13, 0.035, 0.06), LEAF),
    ]
    grapes: list[Part] = [
        Ball(
            (0.66 + 0.1 * ((k * 2) % 3) - 0.1, 0.6 + 0.09 * (k % 4), 0.3 + 0.05 * (k % 2)),
            (0.095, 0.095, 0.095),
            (0.5, 0.3, 0.7),
        )
        for k in range(9)
    ]
    bowl: list[Part] = [
        Drum((0, 0), 0.06, 0.62, 0.5, 0.95, WOOD, 0.05),
        Drum((0, 0), 0.58, 0.66, 0.97, 0.99, DARK_WOOD, 0.03),
        Drum((0, 0), 0.0, 0.1, 0.42, 0.42, DARK_WOOD, 0.03),
    ]
    return [*bowl, *fruit, *grapes]


def treehouse() -> Sequence[Part]:
    trunk: list[Part] = [
        Limb((0, 0, 0), (0, 0.9, 0), 0.24, 0.17, DARK_WOOD),
        Limb((0, 0.75, 0), (-0.5, 1.2, 0), 0.12, 0.08, DARK_WOOD),
        Limb((0, 0.75, 0), (0.5, 1.25, -0.1), 0.12, 0.08, DARK_WOOD),
    ]
    crown: list[Part] = [
        Ball((x, y, z), (r, r * 0.85, r), LEAF)
        for x, y, z, r in (
            (-0.6, 1.35, -0.1, 0.42), (0.62, 1.4, -0.15, 0.42), (0, 1.72, -0.3, 0.55), (-0.36, 1.7, -0.1, 0.36), (0.4, 1.74, -0.1, 0.36),
        )
    ]  # fmt: skip
    cabin: list[Part] = [
        Block((0, 0.88, 0.2), (0.52, 0.04, 0.36), WOOD, 0.02),
        Block((0, 1.16, 0.16), (0.36, 0.28, 0.26), (0.9, 0.72, 0.48), 0.02),
        Block((-0.2, 1.53, 0.18), (0.34, 0.05, 0.34), RED, 0.03, roll=0.62),
        Block((0.2, 1.53, 0.18), (0.34, 0.05, 0.34), RED, 0.03, roll=-0.62),
        Block((0, 1.42, 0.16), (0.16, 0.14, 0.24), (0.9, 0.72, 0.48), 0.02),
        Block((-0.13, 1.08, 0.42), (0.09, 0.18, 0.03), DARK_WOOD, 0.03),
        Block((0.17, 1.18, 0.42), (0.1, 0.1, 0.03), GLASS, 0.02),
    ]
    ladder: list[Part] = [Limb((x, 0.02, 0.56), (x, 0.9, 0.5), 0.025, 0.025, WOOD) for x in (-0.22, -0.02)]
    ladder += [Limb((-0.22, y, 0.54), (-0.02, y, 0.54), 0.02, 0.02, WOOD) for y in (0.16, 0.32, 0.48, 0.64, 0.8)]
    return [*trunk, *crown, *cabin, *ladder]


def branch() -> Sequence[Part]:
    parts: list[Part] = [
        Limb((-1.15, 0.5, 0), (0.1, 0.56, 0), 0.13, 0.1, DARK_WOOD),
        Limb((0.1, 0.56, 0), (1.1, 0.66, 0), 0.1, 0.04, DARK_WOOD),
        Limb((-0.5, 0.5, 0), (-0.2, 0.16, 0.05), 0.07, 0.03, DARK_WOOD),
        Limb((0.35, 0.58, 0), (0.65, 0.26, 0.05), 0.06, 0.03, DARK_WOOD),
    ]
    for x, y, lean in (
        (-0.2, 0.1, -0.9),
        (-0.36, 0.24, -0.3),
        (0.7, 0.2, -0.8),
        (0.5, 0.34, 0.4),
        (1.12, 0.7, 0.3),
        (0.96, 0.8, 0.9),
        (1.0, 0.54, -0.5),
        (-0.06, 0.26, 0.2),
    ):
        parts.append(Limb((x, y, 0.06), (x + 0.2 * math.cos(lean), y + 0.2 * math.sin(lean), 0.06), 0.075, 0.02, LEAF))
    return parts


def galleon() -> Sequence[Part]:
    parts: list[Part] = [
        Limb((-0.62, 0.34, 0), (0.62, 0.34, 0), 0.3, 0.3, WOOD),
        Block((0, 0.56, 0), (0.86, 0.1, 0.27), DARK_WOOD, 0.04),
        Block((-0.78, 0.74, 0), (0.2, 0.2, 0.26), WOOD, 0.04),
        Block((-0.78, 0.95, 0), (0.23, 0.04, 0.28), DARK_WOOD, 0.03),
        Block((0.78, 0.7, 0), (0.16, 0.1, 0.24), WOOD, 0.04),
        Limb((0.8, 0.7, 0), (1.24, 0.98, 0), 0.04, 0.025, DARK_WOOD),
    ]
    for x, high in ((-0.4, 1.85), (0.3, 2.0)):
        parts.append(Limb((x, 0.5, 0), (x, high, 0), 0.045, 0.03, DARK_WOOD))
        for low, tall, wide in ((0.82, 0.26, 0.3), (1.4, 0.18, 0.23)):
            parts += [
                Ball((x + 0.06, low + tall, 0.05), (wide * 0.62, tall * 1.05, wide * 0.9), WHITE),
                Limb((x, low + tall * 2.0, -wide), (x, low + tall * 2.0, wide), 0.025, 0.025, DARK_WOOD),
            ]
        parts.append(Block((x - 0.1, high - 0.04, 0), (0.1, 0.06, 0.012), RED, 0.01))
    parts += [Ball((x, 0.4, 0.3), (0.06, 0.06, 0.03), INK) for x in (-0.5, -0.2, 0.1, 0.4)]
    return parts


def desk_lamp() -> Sequence[Part]:
    brass: Rgb = (0.95, 0.7, 0.25)
    return [
        Drum((0, 0), 0, 0.09, 0.36, 0.34, brass, 0.04),
        Limb((0, 0.08, 0), (-0.26, 0.82, 0), 0.04, 0.04, brass),
        Ball((-0.26, 0.84, 0), (0.07, 0.07, 0.07), brass),
        Limb((-0.26, 0.84, 0), (0.24, 1.4, 0), 0.04, 0.04, brass),
        Drum((0.36, 0), 1.12, 1.46, 0.4, 0.14, brass, 0.03),
        Drum((0.36, 0), 1.44, 1.54, 0.12, 0.1, brass, 0.03),
        Ball((0.36, 1.1, 0), (0.16, 0.14, 0.16), (1.0, 0.95, 0.7)),
    ]


def desk() -> Sequence[Part]:
    knob: Rgb = (0.95, 0.75, 0.3)
    parts: list[Part] = [Block((0, 0.86, 0), (1.05, 0.06, 0.52), WOOD, 0.04)]
    for x in (-0.72, 0.72):
        parts.append(Block((x, 0.42, 0), (0.28, 0.4, 0.46), DARK_WOOD, 0.03))
        for y in (0.2, 0.44, 0.68):
            parts += [
                Block((x, y, 0.46), (0.23, 0.095, 0.03), WOOD, 0.02),
                Ball((x, y, 0.51), (0.035, 0.035, 0.035), knob),
            ]
    return parts


PROPS: dict[str, tuple[Callable[[], Sequence[Part]], View]] = {
    "table": (table, View(0.3, 0.3, 0.012)),
    "park-bench": (bench, View(0.28, 0.35, 0.01)),
    "bookshelf": (bookshelf, View(0.14, 0.35, 0.006)),
    "lighthouse": (lighthouse, View(0.14, 0.0, 0.012)),
    "windmill": (windmill, View(0.14, 0.25, 0.01)),
    "stone-tower": (tower, View(0.16, 0.0, 0.012)),
    "iceberg": (iceberg, View(0.25, 0.0, 0.05)),
    "air-balloon": (balloon, View(0.05, 0.13, 0.02)),
    "fruit-bowl": (fruit_bowl, View(0.2, 0.0, 0.012)),
    "treehouse": (treehouse, View(0.1, 0.2, 0.012)),
    "tree-branch": (branch, View(0.1, 0.0, 0.03)),
    "galleon": (galleon, View(0.14, -0.5, 0.015)),
    "desk-lamp": (desk_lamp, View(0.12, 0.2, 0.012)),
    "desk": (desk, View(0.26, 0.3, 0.01)),
}
