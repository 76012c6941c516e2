"""The places: each a function that builds it in a world and returns how it is exposed and seen through the air."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh
from shapes import blades, drum, ground, joined, leafy, lump, model, pine, turned
from world import Rgb, World

Height = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Air:
    """`exposure` is in the renderer's units. What is `reach` away keeps about a third of its colour in the haze.

    `samples` are rays a pixel: indoors light comes by several bounces, which takes more of them.
    """

    exposure: float = 1.0
    haze: Rgb = (0.8, 0.88, 0.95)
    reach: float = 0.0
    samples: int = 16


def podium(world: World) -> Air:
    """Seamless clay with a low disc and an arch; the engine gives it a hue."""
    clay, light, deep = (world.glossy((k, k, k), 0.4) for k in (0.58, 0.74, 0.42))
    _cove(world, clay)
    world.solid(drum(3.1, 0.16, (0, 0.1, 0), 0.04), light)
    _arch(world, 2.7, 0.34, 1.35, 2.5, deep)
    _arch(world, 2.2, 0.24, 1.2, 2.2, light)
    for x, y, radius, tall in ((-3.1, 1.5, 0.55, 1.5), (3.2, 1.6, 0.42, 2.3), (2.5, 1.0, 0.34, 0.7)):
        world.solid(drum(radius, tall, (x, y, 0), 0.05), light if tall < 1 else deep)
    world.solid(lump(0.4, (-3.1, 1.5, 1.9), detail=4), light)
    world.solid(lump(0.27, (2.5, 1.0, 0.97), detail=4), deep)
    _studio_light(world)
    world.camera((0, -8.2, 1.9), (0, 0.3, 1.62), 38, 0.03, 8.0)
    return Air(0.72, samples=20)


def _cove(world: World, material: str) -> None:
    bend = [(2.2 + 2 * math.sin(a), 2 - 2 * math.cos(a)) for a in np.linspace(0.02, math.pi / 2, 20)]
    profile = [(-9.0, 0.0), (2.2, 0.0), *bend, (4.2, 9.0)]
    vertices = [(x, y, z) for y, z in profile for x in (-14, 14)]
    faces = [f for k in range(len(profile) - 1) for f in ((2 * k, 2 * k + 1, 2 * k + 3), (2 * k, 2 * k + 3, 2 * k + 2))]
    world.solid(trimesh.Trimesh(vertices, faces, process=False), material)


def _arch(world: World, radius: float, wide: float, y: float, tall: float, material: str) -> None:
    angles = np.linspace(0, math.pi, 72)
    outer = [
        (-radius, 0.0),
        *((-radius * math.cos(a), tall - radius + radius * (1 + math.sin(a)) - radius * 0.55) for a in angles),
        (radius, 0.0),
    ]
    inside = radius - wide
    inner = [
        (-inside, 0.0),
        *((-inside * math.cos(a), tall - radius * 0.55 + inside * math.sin(a)) for a in angles),
        (inside, 0.0),
    ]
    vertices = [
        p
        for (a, b), (c, d) in zip(outer, inner, strict=True)
        for p in ((a, y, b), (a, y + 0.3, b), (c, y + 0.3, d), (c, y, d))
    ]
    faces = [
        f
        for k in range(len(outer) - 1)
        for j in range(4)
        for a, b in [(4 * k + j, 4 * k + (j + 1) % 4)]
        for f in ((a, b, b + 4), (a, b + 4, a + 4))
    ]
    world.mesh(vertices, faces, material)


def _studio_light(world: World) -> None:
    world.even_light((0.30, 0.30, 0.32))
    key, rim = world.glowing((1, 0.93, 0.84), 44), world.glowing((0.8, 0.9, 1), 3)
    world.quad(((-5.5, -4, 6), (-4, -5.2, 6), (-4.6, -5.6, 4.6), (-6.1, -4.4, 4.6)), key)
    world.quad(((6, 1, 5), (6, -1, 5), (6, -1, 3), (6, 1, 3)), rim)


# --- indoors -------------------------------------------------------------------------------------------------------


def _planks(world: World, across: float, near: float, far: float, base: Rgb, seed: int = 2) -> None:
    chance = np.random.default_rng(seed)
    woods = [world.glossy(tuple(part * k for part in base), 0.22, 0.045) for k in (0.82, 0.9, 0.96, 1.0, 1.06, 1.14)]
    x = -across
    while x < across:
        y = near - chance.uniform(0, 1)
        while y < far:
            end = min(y + chance.uniform(1.0, 1.9), far)
            world.box((x, y, -0.03), (x + 0.21, end - 0.006, 0), woods[chance.integers(6)])
            y = end
        x += 0.216


def _tiles(world: World, across: float, near: float, far: float, light: Rgb, dark: Rgb, side: float = 0.6) -> None:
    both = world.glossy(light, 0.15, 0.05), world.glossy(dark, 0.15, 0.05)
    for i, x in enumerate(np.arange(-across, across, side)):
        for j, y in enumerate(np.arange(near, far, side)):
            world.box((x, y, -0.03), (x + side - 0.012, y + side - 0.012, 0), both[(i + j) % 2])
    world.box((-across, near, -0.2), (across, far, -0.035), world.matte((0.3, 0.28, 0.26)))


def _window_wall(world: World, x: float, near: float, far: float, tall: float, wall: str, frame: str) -> None:
    """The left wall with a large window, through which the sun comes."""
    low, high, start, end = 0.75, tall - 0.45, far - 3.4, far - 0.9
    for box in (
        ((x - 0.1, near, 0), (x, far, low)), ((x - 0.1, near, high), (x, far, tall)),
        ((x - 0.1, near, low), (x, start, high)), ((x - 0.1, end, low), (x, far, high)),
    ):  # fmt: skip
        world.box(*box, wall)
    for y in np.linspace(start, end, 4):
        world.box((x - 0.07, y - 0.025, low), (x, y + 0.025, high), frame)
    for z in (low, (low + high) / 2, high):
        world.box((x - 0.07, start, z - 0.02), (x, end, z + 0.02), frame)


def _interior(world: World, wall: Rgb, fill: Rgb, sun: tuple[float, float, float] = (-0.86, 0.1, 0.5)) -> None:
    paint, white = world.matte(wall), world.matte((0.82, 0.8, 0.77))
    world.quad(((-3.6, 3.2, 0), (3.9, 3.2, 0), (3.9, 3.2, 3.1), (-3.6, 3.2, 3.1)), paint)
    _window_wall(world, -3.6, -5, 3.2, 3.1, paint, white)
    world.quad(((-3.7, -5, 3.1), (3.9, -5, 3.1), (3.9, 3.2, 3.1), (-3.7, 3.2, 3.1)), white)
    world.box((-3.6, 3.16, 0), (3.9, 3.2, 0.12), white)
    world.daylight(sun, 0.7e-4, 1.7e-4)
    world.quad(((3.8, -4.5, 0.3), (3.8, 2, 0.3), (3.8, 2, 2.9), (3.8, -4.5, 2.9)), world.glowing(fill, 0.34))
    world.quad(((-3, -4.9, 0.4), (3.5, -4.9, 0.4), (3.5, -4.9, 2.9), (-3, -4.9, 2.9)), world.glowing(fill, 0.3))


def _inside_camera(world: World) -> None:
    world.camera((0.2, -4.6, 1.4), (0.05, 1.5, 1.2), 51, 0.012, 4.6)


def room(world: World) -> Air:
    _planks(world, 3.7, -5, 3.2, (0.42, 0.25, 0.13))
    _interior(world, (0.72, 0.63, 0.52), (1, 0.9, 0.76))
    rug = world.matte((0.72, 0.64, 0.54))
    world.solid(drum(1.9, 0.025, (0, -0.3, 0), 0.01), rug)
    model(world, "winchesterSofa", (0.1, 2.55, 0), height=0.86, tint=(0.10, 0.27, 0.26))
    model(world, "winchesterArmchair", (2.55, 1.5, 0), height=0.84, turn=-62, tint=(0.5, 0.2, 0.09))
    model(world, "bedsideTable2", (-1.95, 2.75, 0), height=0.6)
    model(world, "lamp2", (-1.95, 2.75, 0.6), height=0.6)
    model(world, "decorativePlant", (-2.75, 2.3, 0), height=1.3, turn=20)
    model(world, "bookcase", (2.75, 2.95, 0), height=1.9)
    model(world, "teddyBear", (0.85, 2.4, 0.47), height=0.34, turn=-10)
    black = world.matte((0.05, 0.045, 0.04))
    world.box((-0.55, 3.15, 1.55), (0.75, 3.19, 2.3), black)
    for k, rgb in enumerate(((0.75, 0.35, 0.2), (0.86, 0.64, 0.32), (0.2, 0.42, 0.46))):
        world.box((-0.5 + 0.405 * k, 3.13, 1.6), (-0.5 + 0.405 * k + 0.395, 3.16, 2.25), world.matte(rgb))
    _inside_camera(world)
    return Air(1.25, samples=28)


def kitchen(world: World) -> Air:
    _tiles(world, 3.9, -5, 3.2, (0.76, 0.74, 0.7), (0.34, 0.42, 0.44))
    _interior(world, (0.78, 0.76, 0.68), (1, 0.94, 0.86))
    front, top = world.glossy((0.2, 0.42, 0.4), 0.3), world.glossy((0.62, 0.42, 0.26), 0.2, 0.05)
    knob, white = world.glossy((0.85, 0.66, 0.3), 0.2, 0.1), world.glossy((0.82, 0.8, 0.76), 0.2)
    for k in range(7):
        x = -2.7 + 0.66 * k
        if k < 8:
            world.box((x, 2.62, 0.08), (x + 0.64, 3.18, 0.86), front)
            world.solid(lump(0.025, (x + 0.32, 2.6, 0.72), detail=2), knob)
        if k not in (2, 3, 4):
            world.box((x, 2.85, 1.5), (x + 0.64, 3.18, 2.2), front)
            world.solid(lump(0.025, (x + 0.32, 2.83, 1.6), detail=2), knob)
    world.box((-2.72, 2.56, 0.86), (1.94, 3.19, 0.91), top)
    world.box((-0.7, 2.6, 0.91), (-0.08, 3.1, 0.925), world.glossy((0.03, 0.03, 0.035), 0.1, 0.1))
    model(world, "rangeHood", (-0.4, 2.98, 1.55), width=0.9)
    model(world, "largeFridge", (2.75, 2.8, 0), height=1.85)
    model(world, "kitchenaid", (1.1, 2.9, 0.91), height=0.36, turn=-25)
    model(world, "coffeeBrewer", (0.45, 2.95, 0.91), height=0.34)
    model(world, "bread", (-1.35, 2.85, 0.91), width=0.32)
    model(world, "littlePlant", (-2.2, 2.9, 0.91), height=0.3)
    model(world, "littlePlant", (1.6, 2.95, 0.91), height=0.24)
    for k in range(4):
        world.solid(
            turned([(0, 0), (0.05, 0), (0.055, 0.11), (0.05, 0.115)], (-2.4 + 0.28 * k, 3.0, 1.0 + 1.21), 24), white
        )
    world.box((-0.06, 2.95, 1.5), (0.6, 3.18, 1.54), top)
    _inside_camera(world)
    return Air(1.12, samples=28)


def stage(world: World) -> Air:
    """Boards between red curtains, in the cones of two lamps."""
    _planks(world, 5.5, -6, 3.4, (0.36, 0.2, 0.1))
    red, deep, gold = (
        world.glossy((0.52, 0.03, 0.045), 0.5),
        world.glossy((0.34, 0.015, 0.03), 0.5),
        world.glossy((0.8, 0.55, 0.16), 0.25, 0.1),
    )
    _curtain(world, -6, 6, 3.4, 6.5, deep, 26)
    for side in (-1, 1):
        _curtain(world, side * 3.3, side * 6.2, 1.2, 6.5, red, 11)
        _curtain(world, side * 4.1, side * 7, -0.6, 6.5, red, 9)
    x = np.linspace(-6, 6, 300)
    drop = 3.75 - 0.55 * np.abs(np.sin(x * 0.9))
    vertices = [
        p
        for a, z in zip(x, drop, strict=True)
        for p in ((a, 0.9 + 0.1 * math.sin(a * 14), z), (a, 0.9 + 0.1 * math.sin(a * 14), 6.5))
    ]
    faces = [f for k in range(299) for f in ((2 * k, 2 * k + 2, 2 * k + 3), (2 * k, 2 * k + 3, 2 * k + 1))]
    world.solid(trimesh.Trimesh(vertices, faces, process=False), red)
    for a, z in zip(x[::2], drop[::2], strict=True):
        world.solid(lump(0.045, (a, 0.86 + 0.1 * math.sin(a * 14), z), detail=1), gold)
    world.even_light((0.12, 0.1, 0.12))
    for place, aim, rgb in (
        ((-3.6, -4.5, 5.8), (0, -0.2, 0), (1, 0.86, 0.66)),
        ((3.2, -4, 5.8), (0.2, 0.2, 0), (1, 0.7, 0.5)),
    ):
        name = f"spot{place[0] > 0:d}"
        world.put({
            f"lights.{name}.type": "spot", f"lights.{name}.position": list(place), f"lights.{name}.target": list(map(float, aim)),
            f"lights.{name}.coneangle": 24.0, f"lights.{name}.conedeltaangle": 9.0, f"lights.{name}.gain": [float(c) * 92 for c in rgb],
        })  # fmt: skip
    world.camera((0, -6.6, 1.5), (0, 1.5, 1.5), 42, 0.02, 6.4)
    return Air(1.0)


def _curtain(world: World, start: float, end: float, y: float, tall: float, material: str, folds: int) -> None:
    x = np.linspace(start, end, 420)
    u = np.linspace(0, folds, 420) * 2 * math.pi
    depth = y + 0.16 * np.sin(u) + 0.05 * np.sin(u * 2.3 + 1)
    vertices = [p for a, b in zip(x, depth, strict=True) for p in ((a, b, 0), (a, b, tall))]
    faces = [f for k in range(419) for f in ((2 * k, 2 * k + 2, 2 * k + 3), (2 * k, 2 * k + 3, 2 * k + 1))]
    world.solid(trimesh.Trimesh(vertices, faces, process=False), material)


# --- outdoors ------------------------------------------------------------------------------------------------------

BLUE: Rgb = (0.07, 0.25, 0.72)
PALE: Rgb = (0.5, 0.74, 0.95)
SUN = (-0.62, -0.5, 0.62)


def _sky(world: World, zenith: Rgb = BLUE, skyline: Rgb = PALE) -> None:
    """The sky and the sun of the world's hour; the colours are those by day."""
    match world.hour:
        case "sunset":
            world.gradient((0.16, 0.14, 0.4), (1.0, 0.46, 0.2), (0.5, 0.26, 0.2), 1.1, 0.5)
            world.sun((-0.9, -0.3, 0.24), (1.5e-4, 0.95e-4, 0.6e-4), 6.0)
        case "night":
            world.gradient((0.008, 0.016, 0.075), (0.05, 0.09, 0.25), (0.03, 0.05, 0.1), 1.0, 0.6)
            world.sun(SUN, (0.8e-5, 1.1e-5, 2.0e-5), 6.0)
        case _:
            world.gradient(zenith, skyline, tuple(0.6 * part for part in skyline), 1.35, 0.55)
            world.sun(SUN, (7.5e-5, 7.5e-5, 7.5e-5), 5.0)


HAZES = {"sunset": (0.98, 0.62, 0.42), "night": (0.2, 0.27, 0.45)}
DIMNESS = {"sunset": 1.0, "night": 1.15}


def _air(world: World, exposure: float, haze: Rgb, reach: float) -> Air:
    return Air(exposure * DIMNESS.get(world.hour, 1.0), HAZES.get(world.hour, haze), reach)


def _clouds(world: World, seed: int, many: int = 7, low: float = 9.0) -> None:
    white = world.matte((0.9, 0.9, 0.9))
    chance = np.random.default_rng(seed)
    for k in range(many):
        x, y, z = (k - (many - 1) / 2) * 11 + chance.uniform(-3, 3), chance.uniform(42, 60), low + chance.uniform(0, 11)
        size = chance.uniform(0.8, 1.6)
        puffs = [
            lump(
                size * chance.uniform(0.8, 1.7),
                (
                    x + size * (j - 2.5) * 1.1,
                    y + chance.uniform(-1, 1),
                    z + size * 0.55 * (2.5 - abs(j - 2.5)) * chance.uniform(0.4, 1),
                ),
                0.72,
                0.06,
                seed + j,
            )
            for j in range(6)
        ]
        world.solid(joined(puffs), white)


def _outside_camera(world: World, rise: float = 1.68) -> None:
    world.camera((0, -6.4, 1.35), (0, 0, rise), 50, 0.04, 6.0)


def _rolling(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    far = np.clip((y - 3) / 12, 0, 1)
    return far * (
        0.55 * np.sin(x * 0.33 + 0.6) * np.cos(y * 0.22) + 0.5 * np.sin(x * 0.16 - y * 0.12) + 0.35
    ) + 0.03 * np.sin(x * 1.7) * np.sin(y * 1.3)


def _hills(world: World, colours: tuple[Rgb, ...], seed: int, tall: float = 3.0) -> None:
    for k, rgb in enumerate(colours):
        y = 24 + 9 * k
        chance = np.random.default_rng(seed + k)
        lumps = [lump(1.0, (0, 0, 0), 1.0, 0.05, seed + k + j) for j in range(5)]
        for j, hill in enumerate(lumps):
            hill.vertices *= (chance.uniform(7, 12), 4, tall * chance.uniform(0.7, 1.15) * (1 + 0.45 * k))
            hill.apply_translation(((j - 2) * 11 + chance.uniform(-3, 3), y + chance.uniform(-1, 1), -0.3))
        world.solid(joined(lumps), world.matte(rgb))


def meadow(world: World) -> Air:
    world.solid(ground(_rolling, 26, -7.5, 24), world.matte((0.16, 0.34, 0.07)))
    for k, rgb in enumerate(((0.2, 0.44, 0.08), (0.27, 0.5, 0.1), (0.15, 0.38, 0.09))):
        world.solid(blades(_rolling, 42000, (-15, 15, -7.2, 14), 0.17, k), world.matte(rgb), smooth=False)
    _flowers(world, _rolling)
    _hills(world, ((0.2, 0.42, 0.16), (0.24, 0.44, 0.28), (0.3, 0.46, 0.42)), 4)
    crowns = [world.glossy(rgb, 0.5) for rgb in ((0.16, 0.4, 0.1), (0.24, 0.46, 0.1), (0.12, 0.36, 0.14))]
    bark = world.matte((0.3, 0.17, 0.09))
    for k, (x, y, tall) in enumerate(
        ((-6.4, 6.5, 4.2), (-8.5, 10, 4), (6.8, 8, 4.4), (9.4, 12, 4), (4.2, 15, 3.2), (-4, 16, 3.2), (-13, 14, 4))
    ):
        crown, trunk = leafy((x, y, float(_rolling(np.array(x), np.array(y)))), tall, k)
        world.solid(crown, crowns[k % 3])
        world.solid(trunk, bark)
    _clouds(world, 3)
    _sky(world)
    _outside_camera(world)
    return _air(world, 0.76, (0.66, 0.84, 0.97), 130)


def _flowers(world: World, height: Height) -> None:
    chance = np.random.default_rng(8)
    heart = world.glossy((0.95, 0.7, 0.1), 0.4)
    for rgb in ((0.9, 0.88, 0.86), (0.9, 0.25, 0.35), (0.95, 0.75, 0.15), (0.6, 0.35, 0.8)):
        petals, hearts = [], []
        for _ in range(26):
            y = -5.4 + 12 * chance.random() ** 1.6
            x = chance.uniform(-1, 1) * (3.2 + (y + 5.4) * 0.7)
            if abs(x) < 1.6 and y < -1:
                continue
            z, size = float(height(np.array(x), np.array(y))) + 0.17, chance.uniform(0.03, 0.045)
            petals += [
                lump(size, (x + size * 1.1 * math.cos(a), y + size * 1.1 * math.sin(a), z), 0.5, detail=1)
                for a in np.arange(5) * 1.257
            ]
            hearts.append(lump(size * 0.8, (x, y, z + 0.012), 0.6, detail=1))
        world.solid(joined(petals), world.glossy(rgb, 0.5))
        world.solid(joined(hearts), heart)


def forest(world: World) -> Air:
    world.solid(ground(_rolling, 26, -7.5, 30), world.matte((0.2, 0.22, 0.08)))
    for k, rgb in enumerate(((0.2, 0.36, 0.08), (0.28, 0.42, 0.1))):
        world.solid(blades(_rolling, 26000, (-15, 15, -7.2, 14), 0.14, k), world.matte(rgb), smooth=False)
    _woods(world, ((0.08, 0.28, 0.14), (0.13, 0.36, 0.13), (0.07, 0.24, 0.17)), None)
    chance = np.random.default_rng(3)
    stone, cap, stalk = (
        world.glossy((0.4, 0.4, 0.38), 0.6),
        world.glossy((0.75, 0.1, 0.06), 0.25),
        world.matte((0.85, 0.8, 0.7)),
    )
    for x, y, size in ((-2.9, 0.8, 0.42), (-3.5, 0.3, 0.25), (3.2, 1.4, 0.5), (2.6, 0.9, 0.2)):
        world.solid(lump(size, (x, y, size * 0.3), 0.7, 0.2, int(size * 100)), stone)
    for _ in range(9):
        x, y, size = (
            chance.choice((-1, 1)) * chance.uniform(2.0, 3.4),
            chance.uniform(-1.6, 1.4),
            chance.uniform(0.07, 0.14),
        )
        world.solid(
            turned(
                [
                    (0, size * 2.4),
                    (size * 0.7, size * 2.1),
                    (size * 1.2, size * 1.5),
                    (size * 1.1, size * 1.35),
                    (0, size * 1.4),
                ][::-1],
                (x, y, 0),
                24,
            ),
            cap,
        )
        world.solid(turned([(size * 0.35, -0.02), (size * 0.3, size * 1.5)], (x, y, 0), 16), stalk)
    _sky(world, (0.16, 0.4, 0.52), (0.6, 0.8, 0.62))
    _outside_camera(world)
    return _air(world, 0.84, (0.62, 0.82, 0.66), 55)


def _woods(world: World, greens: tuple[Rgb, ...], snow: str | None) -> None:
    needles, bark = [world.glossy(rgb, 0.5) for rgb in greens], world.matte((0.27, 0.16, 0.1))
    chance = np.random.default_rng(11)
    for k in range(64):
        y = 2.5 + 22 * (k / 64) ** 1.15
        x = chance.uniform(-1, 1) * (4.5 + y * 0.85)
        if abs(x) < 2.3 - 0.07 * y:
            continue
        tall = chance.uniform(3.0, 5.2)
        at = (x, y, float(_rolling(np.array(x), np.array(y))) - 0.05)
        pointed = snow is not None or k % 3 != 1
        crown, trunk = (pine if pointed else leafy)(at, tall, k)
        world.solid(crown, needles[k % 3])
        world.solid(trunk, bark)
        if snow is not None:
            cover = crown.copy()
            cover.vertices = (cover.vertices - at) * (0.9, 0.9, 1.0) + np.asarray(at) + (0, 0, 0.075 * tall)
            world.solid(cover, snow)


def snow(world: World) -> Air:
    white = world.glossy((0.84, 0.87, 0.93), 0.5)
    world.solid(ground(lambda x, y: _rolling(x, y) + 0.05 * np.sin(x * 0.9 + 1) * np.cos(y * 0.8), 26, -7.5, 30), white)
    _woods(world, ((0.08, 0.24, 0.17), (0.1, 0.28, 0.2), (0.07, 0.2, 0.17)), white)
    for k, (x, y, wide, tall) in enumerate(((-16, 50, 12, 15), (2, 56, 14, 18), (19, 50, 12, 14))):
        _peak(world, (x, y, -1), wide, tall, k, 0.25)
    chance = np.random.default_rng(5)
    heaps = [
        lump(
            chance.uniform(0.3, 0.7),
            (chance.choice((-1, 1)) * chance.uniform(2.6, 4.5), chance.uniform(-1, 2.5), -0.05),
            0.42,
            0.05,
            k,
        )
        for k in range(8)
    ]
    world.solid(joined(heaps), white)
    _sky(world, (0.1, 0.28, 0.7), (0.6, 0.77, 0.95))
    _outside_camera(world)
    return _air(world, 0.6, (0.7, 0.82, 0.96), 110)


def _peak(world: World, at: tuple[float, float, float], wide: float, tall: float, seed: int, snowline: float) -> None:
    u = np.linspace(-1, 1, 90)
    x, y = np.meshgrid(u, u)
    chance = np.random.default_rng(seed)
    angle = np.arctan2(y, x)
    ridge = 1 + sum(chance.uniform(0.04, 0.12) * np.sin(angle * k + chance.uniform(0, 6)) for k in (3, 5, 8, 13))
    z = np.clip(1 - np.hypot(x, y) / ridge, -0.05, 1) ** 1.15
    z += 0.05 * np.sin(x * 11 + seed) * np.sin(y * 13) * np.clip(z, 0, 1)
    vertices = np.stack([x * wide, y * wide, np.nan_to_num(z) * tall], -1).reshape(-1, 3) + at
    index = np.arange(8100).reshape(90, 90)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    high = (vertices[:, 2][faces].mean(1) - at[2]) / tall > snowline + 0.05 * np.sin(
        vertices[:, 0][faces].mean(1) * 1.9
    )
    for part, rgb in ((~high, (0.3, 0.33, 0.4)), (high, (0.86, 0.88, 0.93))):
        world.solid(trimesh.Trimesh(vertices, faces[part], process=False), world.matte(rgb), smooth=False)


def mountains(world: World) -> Air:
    world.solid(ground(_rolling, 30, -7.5, 26), world.matte((0.2, 0.36, 0.1)))
    for k, rgb in enumerate(((0.24, 0.42, 0.1), (0.33, 0.46, 0.14))):
        world.solid(blades(_rolling, 36000, (-15, 15, -7.2, 14), 0.13, k), world.matte(rgb), smooth=False)
    for k, (x, y, wide, tall) in enumerate(((-19, 44, 13, 15), (-3, 54, 15, 20), (13, 46, 12, 14), (28, 50, 12, 13))):
        _peak(world, (x, y, -1), wide, tall, k, 0.52)
    _hills(world, ((0.17, 0.34, 0.17),), 7, 2.2)
    needles, bark = (
        [world.glossy(rgb, 0.5) for rgb in ((0.08, 0.27, 0.15), (0.12, 0.32, 0.14))],
        world.matte((0.27, 0.16, 0.1)),
    )
    chance = np.random.default_rng(2)
    for k in range(26):
        y = chance.uniform(7, 20)
        x = chance.choice((-1, 1)) * chance.uniform(3.5, 7 + y * 0.5)
        crown, trunk = pine((x, y, float(_rolling(np.array(x), np.array(y)))), chance.uniform(1.8, 3.2), k)
        world.solid(crown, needles[k % 2])
        world.solid(trunk, bark)
    stone = world.glossy((0.42, 0.41, 0.4), 0.6)
    for x, y, size in ((-3.4, 1.5, 0.6), (3.6, 2.2, 0.75), (2.9, 1.0, 0.3), (-2.7, 0.6, 0.25)):
        world.solid(lump(size, (x, y, size * 0.25), 0.7, 0.22, int(size * 100)), stone)
    _clouds(world, 9, 5, 14)
    _sky(world)
    _outside_camera(world, 1.7)
    return _air(world, 0.74, (0.6, 0.76, 0.95), 150)


def desert(world: World) -> Air:
    def dunes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        far = np.clip((y - 2) / 14, 0, 1)
        wave = np.sin(x * 0.22 + y * 0.16 + 0.8 * np.sin(y * 0.11))
        return far * (1.6 * (1 - np.abs(wave)) ** 1.3 + 0.5 * np.sin(x * 0.1)) + 0.012 * np.sin(
            x * 1.2 + y * 9 + 1.5 * np.sin(x * 0.8)
        )

    world.solid(ground(dunes, 40, -7.5, 60, 420), world.matte((0.78, 0.5, 0.25)))
    rock = world.matte((0.62, 0.3, 0.16))
    for x, y, wide, tall, seed in ((-20, 52, 7, 7.5, 1), (17, 56, 9, 6, 2), (30, 48, 5, 8, 3)):
        mesa = turned(
            [
                (wide * k, tall * z)
                for k, z in ((1.25, 0), (1.05, 0.3), (0.9, 0.45), (0.86, 0.7), (0.82, 0.97), (0.7, 1.0), (0, 1.02))
            ],
            (x, y, 0),
            60,
        )
        angle = np.arctan2(mesa.vertices[:, 1] - y, mesa.vertices[:, 0] - x)
        mesa.vertices[:, 0] = x + (mesa.vertices[:, 0] - x) * (
            1 + 0.1 * np.sin(angle * 6 + seed) + 0.05 * np.sin(angle * 15)
        )
        world.solid(mesa, rock, smooth=False)
    green = world.glossy((0.2, 0.42, 0.2), 0.5)
    for x, y, tall in ((-4.6, 4.2, 2.3), (5.3, 6.0, 2.8), (-9, 12, 2.4), (11, 14, 2.6)):
        z = float(dunes(np.array(x), np.array(y)))
        world.solid(_capsule(0.2, tall, (x, y, z)), green)
        for side in (-1, 1):
            low = tall * (0.42 + 0.1 * side)
            arm = _capsule(0.13, tall * 0.36, (x + side * 0.52, y, z + low))
            elbow = _capsule(0.13, 0.55, (0, 0, 0))
            elbow.apply_transform(trimesh.transformations.rotation_matrix(side * math.pi / 2, (0, 1, 0)))
            elbow.apply_translation((x, y, z + low + 0.1))
            world.solid(joined([arm, elbow]), green)
    stone = world.glossy((0.6, 0.36, 0.22), 0.6)
    for x, y, size in ((-3.0, 0.9, 0.34), (3.4, 1.2, 0.45), (2.8, 0.5, 0.18), (-3.6, 0.4, 0.2)):
        world.solid(lump(size, (x, y, size * 0.25), 0.7, 0.22, int(size * 100)), stone)
    _sky(world, (0.05, 0.26, 0.72), (0.62, 0.76, 0.88))
    _outside_camera(world)
    return _air(world, 0.6, (0.95, 0.84, 0.7), 150)


def _capsule(radius: float, tall: float, at: tuple[float, float, float]) -> trimesh.Trimesh:
    top = [(radius * math.cos(t), tall - radius + radius * math.sin(t)) for t in np.linspace(0, math.pi / 2 - 0.01, 10)]
    return turned([(radius, 0), *top], at, 32)


def beach(world: World) -> Air:
    def sand(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (
            -0.16 * np.clip((y - 1.5 + 0.4 * np.sin(x * 0.35)) / 3, 0, 2)
            + 0.015 * np.sin(x * 1.1 + y) * np.sin(y * 2.3)
            + 0.05
        )

    world.solid(ground(sand, 26, -7.5, 14), world.matte((0.78, 0.6, 0.37)))
    water = ground(
        lambda x, y: 0.02 * np.sin(y * 1.9 + 0.7 * np.sin(x * 0.5)) + 0.012 * np.sin(x * 1.3 + y * 0.7) - 0.0,
        60,
        0.5,
        90,
        420,
    )
    world.solid(water, world.glossy((0.03, 0.4, 0.46), 0.08, 0.09))
    foam = ground(lambda x, _: 0.03 + 0 * x, 14, 0, 1, 120)
    foam.vertices[:, 1] = (
        2.35
        - 0.4 * np.sin(foam.vertices[:, 0] * 0.35)
        + (foam.vertices[:, 1] - 0.5) * 0.22
        + 0.1 * np.sin(foam.vertices[:, 0] * 2.1)
    )
    world.solid(foam, world.matte((0.9, 0.94, 0.95)))
    green, bark = world.glossy((0.14, 0.42, 0.14), 0.4), world.matte((0.45, 0.3, 0.17))
    for x, y, tall, lean in ((-4.4, 2.0, 3.5, 0.8), (-6.2, 3.4, 4.3, 0.5), (5.4, 2.6, 3.9, -0.9)):
        leaves, trunk = _palm((x, y, -0.1), tall, lean)
        world.solid(leaves, green, smooth=False)
        world.solid(trunk, bark)
    stone = world.glossy((0.46, 0.43, 0.4), 0.6)
    for x, y, size in ((4.2, 3.4, 0.8), (5.1, 3.0, 0.5), (3.6, 2.8, 0.3)):
        world.solid(lump(size, (x, y, 0), 0.7, 0.2, int(size * 100)), stone)
    islands = [lump(1, (0, 0, 0), 1, 0.1, k) for k in range(3)]
    for island, (x, y, wide, tall) in zip(islands, ((-22, 70, 14, 4.5), (-8, 78, 9, 3), (26, 74, 16, 6)), strict=True):
        island.vertices *= (wide, 4, tall)
        island.apply_translation((x, y, -0.5))
    world.solid(joined(islands), world.matte((0.22, 0.4, 0.24)))
    shell = world.glossy((0.92, 0.66, 0.56), 0.3)
    for x, y in ((-2.2, -1.6), (2.5, -2.2), (1.9, -0.6)):
        world.solid(lump(0.08, (x, y, 0.07), 0.6, 0.16, 3), shell)
    _clouds(world, 5, 7, 6)
    _sky(world, (0.04, 0.26, 0.74), (0.5, 0.8, 0.96))
    _outside_camera(world)
    return _air(world, 0.6, (0.7, 0.87, 0.97), 200)


def _palm(at: tuple[float, float, float], tall: float, lean: float) -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    x, y, z = at
    rings = np.linspace(0, 1, 22)
    trunk = turned([((0.17 - 0.06 * t) * (1.12 if k % 2 else 1), tall * t) for k, t in enumerate(rings)], (0, 0, 0), 20)
    trunk.vertices[:, 0] += lean * (trunk.vertices[:, 2] / tall) ** 2
    trunk.apply_translation(at)
    leaves = []
    for k in range(11):
        angle, drop = k * 2 * math.pi / 11 + 0.2 * math.sin(k * 5), 0.75 + 0.35 * math.sin(k * 3.1)
        t = np.linspace(0, 1, 15)
        out, up = 1.75 * t, 0.42 * np.sin(t * 2.2) - drop * t**2
        wide = 0.26 * np.sin(np.clip(t * 1.02 + 0.06, 0, 1) * math.pi) ** 0.7 * (1 - 0.25 * (np.arange(15) % 2))
        rows = []
        for side in (-1, 0, 1):
            across = side * wide
            rows.append(
                np.stack(
                    [
                        x + lean + out * math.cos(angle) - across * math.sin(angle),
                        y + out * math.sin(angle) + across * math.cos(angle),
                        z + tall + up - 0.5 * np.abs(across),
                    ],
                    -1,
                )
            )
        vertices = np.concatenate(rows)
        faces = [
            f
            for s in range(2)
            for j in range(14)
            for a in [s * 15 + j]
            for f in ((a, a + 1, a + 16), (a, a + 16, a + 15))
        ]
        leaves.append(trimesh.Trimesh(vertices, faces, process=False))
    return joined(leaves), trunk


WHITE: Rgb = (0.84, 0.87, 0.93)


def winter(world: World) -> Air:
    """The lane of houses in snow."""
    world.snowy = True
    return city(world)


def city(world: World) -> Air:
    """A lane of toy houses that runs into the distance."""
    road, kerb, pave = (
        world.glossy((0.3, 0.3, 0.33), 0.35),
        world.matte((0.62, 0.6, 0.58)),
        world.matte((0.55, 0.52, 0.5)),
    )
    if world.snowy:
        road, kerb, pave = (world.matte(tuple(k * part for part in WHITE)) for k in (0.86, 0.95, 1.0))
    world.box((-2.4, -8, -0.1), (2.4, 60, 0), road)
    line = world.matte((0.85, 0.8, 0.7))
    for y in () if world.snowy else np.arange(-2, 50, 3.2):
        world.box((-0.06, y, 0), (0.06, y + 1.5, 0.004), line)
    for side in (-1, 1):
        low, high = sorted((side * 2.4, side * 2.6))
        world.box((low, -8, -0.1), (high, 60, 0.12), kerb)
        low, high = sorted((side * 2.6, side * 9))
        world.box((low, -8, -0.1), (high, 60, 0.11), pave)
    walls = [
        (0.85, 0.52, 0.38),
        (0.9, 0.78, 0.55),
        (0.45, 0.62, 0.66),
        (0.88, 0.84, 0.76),
        (0.72, 0.4, 0.42),
        (0.5, 0.62, 0.46),
    ]
    roofs = [WHITE] * 3 if world.snowy else [(0.5, 0.2, 0.14), (0.3, 0.22, 0.24), (0.4, 0.17, 0.13)]
    chance = np.random.default_rng(6)
    for side in (-1, 1):
        y, k = 0.6, 0 if side < 0 else 3
        while y < 44:
            deep, tall = chance.uniform(2.6, 3.6), chance.uniform(3.4, 5.6)
            _house(world, side, y, deep, tall, walls[k % 6], roofs[k % 3])
            y, k = y + deep + 0.06, k + 1
    _lamps_and_trees(world)
    _sky(world, (0.08, 0.28, 0.74), (0.75, 0.8, 0.85))
    world.camera((0, -6.4, 1.5), (0, 0, 1.86), 52, 0.035, 6.0)
    return _air(world, 0.64, (0.86, 0.88, 0.94), 130)


def _house(world: World, side: int, y: float, deep: float, tall: float, wall: Rgb, roof: Rgb) -> None:
    near, far = side * 4.1, side * 8
    paint, tiles, white = world.matte(wall), world.matte(roof), world.matte((0.88, 0.86, 0.82))
    glass = (
        world.glowing((1, 0.66, 0.3), 0.55) if world.hour == "night" else world.glossy((0.13, 0.22, 0.3), 0.06, 0.12)
    )
    wood = world.glossy((0.25, 0.14, 0.09), 0.4)
    low, high = sorted((near, far))
    world.box((low, y, 0.1), (high, y + deep, tall), paint)
    edge, ridge = near - side * 0.25, side * 6
    world.mesh(
        [
            (edge, y - 0.02, tall - 0.15),
            (edge, y + deep + 0.02, tall - 0.15),
            (ridge, y + deep + 0.02, tall + 1.2),
            (ridge, y - 0.02, tall + 1.2),
        ],
        [(0, 1, 2), (0, 2, 3)],
        tiles,
    )
    world.mesh([(near, y, tall), (ridge, y, tall + 1.2), (far, y, tall)], [(0, 1, 2)], paint)
    face = near - side * 0.03
    for z in np.arange(0.9, tall - 1.0, 1.35):
        for at in (0.25, 0.72) if deep > 2.4 else (0.5,):
            middle = y + deep * at
            if z < 1 and at > 0.5:
                low, high = sorted((face, near))
                world.box((low, middle - 0.36, 0.11), (high, middle + 0.36, 1.75), wood)
                continue
            low, high = sorted((face, near))
            world.box((low, middle - 0.4, z - 0.05), (high, middle + 0.4, z + 0.95), white)
            low, high = sorted((face - side * 0.012, near))
            world.box((low, middle - 0.33, z + 0.02), (high, middle - 0.02, z + 0.88), glass)
            world.box((low, middle + 0.02, z + 0.02), (high, middle + 0.33, z + 0.88), glass)


def _lamps_and_trees(world: World) -> None:
    iron, globe = (
        world.glossy((0.06, 0.07, 0.08), 0.3, 0.08),
        world.glowing((1, 0.86, 0.6), 9.0 if world.hour == "night" else 1.4),
    )
    green, bark = world.glossy(WHITE if world.snowy else (0.2, 0.44, 0.13), 0.5), world.matte((0.3, 0.18, 0.1))
    for side in (-1, 1):
        for k, y in enumerate(np.arange(1.5 + (side > 0) * 1.5, 34, 6.5)):
            world.solid(
                turned([(0.1, 0.1), (0.05, 0.35), (0.035, 2.5), (0.09, 2.6), (0, 2.62)], (side * 2.85, y, 0), 18), iron
            )
            world.solid(lump(0.17, (side * 2.85, y, 2.76), detail=3), globe)
            crown, trunk = leafy((side * 3.1, y + 3.2, 0.05), 2.5, k)
            world.solid(crown, green)
            world.solid(trunk, bark)


def underwater(world: World) -> Air:
    def bed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.05 * np.sin(x * 1.3 + 2 * np.sin(y * 0.5)) * np.cos(y * 1.1) + np.clip((y - 4) / 16, 0, 1) * (
            0.9 * np.sin(x * 0.3) + 0.6
        )

    world.solid(ground(bed, 26, -7.5, 26), world.matte((0.78, 0.7, 0.52)))
    stone = world.glossy((0.32, 0.36, 0.42), 0.6)
    for x, y, size in (
        (-4.2, 2.6, 1.25),
        (-5.6, 1.6, 0.9),
        (4.8, 3.2, 1.5),
        (6.2, 2.2, 1.0),
        (-8, 7, 2.2),
        (8.5, 8, 2.4),
        (-2.9, 1.2, 0.35),
        (3.3, 1.6, 0.4),
    ):
        world.solid(lump(size, (x, y, size * 0.3), 0.85, 0.22, int(size * 100)), stone)
    chance = np.random.default_rng(4)
    corals = [
        world.glossy(rgb, 0.5) for rgb in ((0.9, 0.25, 0.3), (0.95, 0.5, 0.2), (0.75, 0.3, 0.7), (0.95, 0.7, 0.3))
    ]
    for k in range(26):
        x = chance.choice((-1, 1)) * chance.uniform(2.0, 5.0)
        y = chance.uniform(0.0, 4.5)
        at = (x, y, float(bed(np.array(x), np.array(y))))
        world.solid(_coral(at, chance.uniform(0.5, 1.2), k), corals[k % 4])
    weed = world.glossy((0.12, 0.45, 0.25), 0.5)
    for k in range(34):
        x, y = chance.choice((-1, 1)) * chance.uniform(1.9, 5), chance.uniform(0.8, 6)
        world.solid(_weed((x, y, float(bed(np.array(x), np.array(y))) - 0.05), chance.uniform(0.8, 2.4), k), weed)
    world.gradient((0.55, 0.95, 1.0), (0.05, 0.36, 0.56), (0.05, 0.36, 0.56), 0.9, 0.8)
    world.sun((-0.35, -0.3, 0.88), (4e-5, 5e-5, 5.5e-5), 6.0)
    _outside_camera(world)
    return Air(0.6, (0.08, 0.45, 0.62), 18)


def _coral(at: tuple[float, float, float], tall: float, seed: int) -> trimesh.Trimesh:
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(7):
        lean, angle = chance.uniform(0.1, 0.7), chance.uniform(0, 2 * math.pi)
        branch = _capsule(tall * 0.075, tall * chance.uniform(0.6, 1.0), (0, 0, 0))
        branch.vertices[:, 0] += lean * branch.vertices[:, 2] ** 1.4 * 0.6
        branch.apply_transform(trimesh.transformations.rotation_matrix(angle, (0, 0, 1)))
        branch.apply_translation(at)
        parts.append(branch)
    return joined(parts)


def _weed(at: tuple[float, float, float], tall: float, seed: int) -> trimesh.Trimesh:
    t = np.linspace(0, 1, 30)
    sway = 0.12 * np.sin(t * 7 + seed) * t * tall
    wide = 0.07 * (1 - t**3)
    angle = seed * 1.3
    left = np.stack(
        [at[0] + sway - wide * math.cos(angle), at[1] + sway - wide * math.sin(angle), at[2] + t * tall], -1
    )
    right = left + np.stack([2 * wide * math.cos(angle), 2 * wide * math.sin(angle), 0 * t], -1)
    vertices = np.stack([left, right], 1).reshape(-1, 3)
    faces = [f for k in range(29) for f in ((2 * k, 2 * k + 1, 2 * k + 3), (2 * k, 2 * k + 3, 2 * k + 2))]
    return trimesh.Trimesh(vertices, faces, process=False)


def space(world: World) -> Air:
    """The ground of a moon, with a planet above it."""
    craters = np.random.default_rng(9)
    pits = [
        (craters.uniform(-13, 13), -4 + 26 * craters.random() ** 1.3, craters.uniform(0.25, 1.5)) for _ in range(80)
    ]

    def land(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        z = np.clip((y - 4) / 14, 0, 1) * (0.7 * np.sin(x * 0.3 + 1) + 0.4 * np.sin(x * 0.7 + y * 0.2)) + 0.02 * np.sin(
            x * 3.1
        ) * np.sin(y * 2.7)
        for a, b, r in pits:
            d = np.hypot(x - a, y - b) / r
            z = z + r * (-0.2 * np.exp(-((d / 0.7) ** 4)) + 0.09 * np.exp(-(((d - 1) / 0.22) ** 2)))
        return z

    world.solid(ground(land, 30, -7.5, 34, 420), world.matte((0.44, 0.43, 0.47)))
    stone = world.matte((0.4, 0.39, 0.43))
    for k in range(26):
        x, y, size = (
            craters.choice((-1, 1)) * craters.uniform(2.2, 9),
            craters.uniform(-1, 12),
            craters.uniform(0.1, 0.5),
        )
        world.solid(lump(size, (x, y, float(land(np.array(x), np.array(y)))), 0.7, 0.25, k, 2), stone, smooth=False)
    planet = lump(9, (15, 62, 22), 1, 0, 0, 5)
    world.solid(planet, world.glossy((0.12, 0.3, 0.62), 0.3))
    for radius, rough, seed, rgb in ((8.86, 0.05, 4, (0.26, 0.42, 0.2)), (8.8, 0.07, 9, (0.85, 0.88, 0.92))):
        world.solid(lump(radius, (15, 62, 22), 1, rough, seed, 5), world.matte(rgb))
    sky = np.zeros((512, 1024, 3))
    wide = np.hypot(*np.meshgrid(np.linspace(-1.6, 1.6, 1024), np.linspace(-2.6, 1.6, 512)))
    sky += np.exp(-((wide / 0.9) ** 2))[..., None] * np.array((0.035, 0.012, 0.06)) + np.array((0.004, 0.004, 0.012))
    world.dome(np.clip(sky, 0, 1), 1.6)
    world.sun((-0.72, -0.42, 0.5), (5e-5, 5e-5, 5.2e-5), 2.0)
    world.even_light((0.012, 0.012, 0.02))
    world.camera((0, -6.4, 1.35), (0, 0, 1.9), 50)
    return Air(0.8)


def sea(world: World) -> Air:
    """Open water with islands far away."""
    chance = np.random.default_rng(2)
    waves = [(chance.uniform(0.2, 2.2), chance.uniform(0.4, 2.6), chance.uniform(0, 6)) for _ in range(9)]

    def water(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return sum(0.022 * np.sin(a * x * (-1) ** k + b * y + c) for k, (a, b, c) in enumerate(waves))

    world.solid(ground(water, 70, -7.5, 110, 480), world.glossy((0.015, 0.2, 0.34), 0.07, 0.1))
    islands = [lump(1, (0, 0, 0), 1, 0.12, k) for k in range(4)]
    for island, (x, y, wide, tall) in zip(
        islands, ((-34, 76, 13, 6), (-20, 84, 10, 3.4), (30, 80, 15, 7), (44, 88, 12, 4)), strict=True
    ):
        island.vertices *= (wide, 4, tall)
        island.apply_translation((x, y, -0.5))
    world.solid(joined(islands), world.matte((0.2, 0.36, 0.24)))
    _clouds(world, 5, 8, 7)
    _sky(world, (0.04, 0.26, 0.74), (0.5, 0.8, 0.96))
    _outside_camera(world, 1.45)
    return _air(world, 0.66, (0.7, 0.87, 0.97), 200)


def sky(world: World) -> Air:
    """Above the clouds."""
    white = world.matte((0.9, 0.9, 0.92))
    chance = np.random.default_rng(7)
    for row in range(9):
        y = -3.5 + 2.4 * row + 0.35 * row**2
        puffs = [
            lump(
                chance.uniform(0.8, 1.5) * (1 + 0.1 * row),
                (
                    x + chance.uniform(-0.4, 0.4),
                    y + chance.uniform(-0.6, 0.6),
                    -0.95 - 0.05 * row + chance.uniform(-0.2, 0.15),
                ),
                0.75,
                0.07,
                int(k + row * 40),
            )
            for k, x in enumerate(np.arange(-6 - 2.6 * row, 6.1 + 2.6 * row, 1.25))
        ]
        world.solid(joined(puffs), white)
    _clouds(world, 12, 7, 10)
    _sky(world)
    _outside_camera(world)
    return _air(world, 0.66, (0.7, 0.85, 0.98), 60)


def _rock_walls(world: World, rgb: Rgb, height: float) -> None:
    stone = world.glossy(rgb, 0.6)
    chance = np.random.default_rng(13)
    for k in range(46):
        side, y = chance.choice((-1, 1)), chance.uniform(-2, 15)
        x, size = side * chance.uniform(4.0, 5.2 + 0.12 * y), chance.uniform(0.7, 1.7)
        world.solid(lump(size, (x, y, chance.uniform(-0.2, height)), 1.15, 0.25, k), stone)
    for k in range(26):
        x, y = chance.uniform(-7, 7), chance.uniform(9, 16)
        if abs(x) > 1.4:
            world.solid(
                lump(chance.uniform(1.0, 2.2), (x, y, chance.uniform(-0.2, height * 0.8)), 1.15, 0.25, 100 + k), stone
            )


def cave(world: World) -> Air:
    """Rock on all sides, crystals, and light from an opening."""
    world.solid(
        ground(
            lambda x, y: 0.06 * np.sin(x * 1.3) * np.sin(y * 1.1 + 0.5) + 0.03 * np.sin(x * 3.1 + y * 2), 20, -7.5, 26
        ),
        world.glossy((0.2, 0.2, 0.25), 0.5),
    )
    _rock_walls(world, (0.22, 0.22, 0.28), 4.5)
    chance = np.random.default_rng(21)
    stone = world.glossy((0.2, 0.2, 0.26), 0.6)
    for _ in range(60):
        x, y, long = chance.uniform(-7, 7), chance.uniform(-1, 14), chance.uniform(0.5, 2.1)
        world.solid(turned([(0.01, -long), (0.12, -long * 0.5), (0.34, 0.1)], (x, y, 4.6), 14), stone)
    world.box((-12, -9, 4.6), (12, 26, 5.2), stone)
    for k in range(14):
        x, y, tall = (
            chance.choice((-1, 1)) * chance.uniform(2.0, 4.2),
            chance.uniform(-0.5, 6),
            chance.uniform(0.3, 0.95),
        )
        rgb = ((0.2, 0.75, 1.0), (0.7, 0.3, 1.0), (0.25, 1.0, 0.75))[k % 3]
        crystal = turned([(tall * 0.14, 0), (tall * 0.17, tall * 0.7), (0.005, tall)], (0, 0, 0), 6)
        crystal.apply_transform(trimesh.transformations.rotation_matrix(chance.uniform(-0.4, 0.4), (0, 1, 0)))
        crystal.apply_translation((x, y, -0.02))
        world.solid(crystal, world.glowing(rgb, 1.1), smooth=False)
    world.quad(
        ((-3, -5.2, 4.5), (0.5, -5.2, 4.5), (0.5, -2.4, 4.5), (-3, -2.4, 4.5)), world.glowing((1, 0.94, 0.82), 6)
    )
    world.quad(((-1.5, 18, 0), (1.5, 18, 0), (1.5, 18, 3.4), (-1.5, 18, 3.4)), world.glowing((0.75, 0.88, 1), 5))
    world.even_light((0.03, 0.035, 0.05))
    _outside_camera(world)
    return Air(2.3, (0.35, 0.45, 0.6), 60, samples=28)


def lava(world: World) -> Air:
    """Black rock between glowing streams."""

    def crust(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        cells = np.sin(x * 1.25 + 1.1 * np.sin(y * 0.7)) * np.sin(y * 1.15 + 1.2 * np.sin(x * 0.6))
        return (
            0.1 * np.tanh(cells * 7)
            + 0.03 * np.sin(x * 5) * np.sin(y * 4.3)
            + np.clip((y - 6) / 12, 0, 1) * 0.8 * np.sin(x * 0.4) ** 2
        )

    world.solid(ground(crust, 24, -7.5, 28, 380), world.glossy((0.07, 0.06, 0.065), 0.4))
    world.box((-26, -8, -0.1), (26, 30, -0.05), world.glowing((1, 0.25, 0.03), 2.4))
    _rock_walls(world, (0.08, 0.065, 0.07), 1.2)
    for k, (x, y, wide, tall) in enumerate(((-17, 44, 12, 13), (4, 54, 14, 17), (22, 46, 11, 11))):
        _mount(world, (x, y, -1), wide, tall, k, (0.1, 0.07, 0.08))
    world.gradient((0.05, 0.015, 0.03), (0.85, 0.2, 0.05), (0.6, 0.12, 0.03), 0.8, 0.5)
    world.sun((-0.6, -0.5, 0.6), (2.2e-5, 1.5e-5, 1.1e-5), 8.0)
    _outside_camera(world)
    return Air(0.8, (0.7, 0.24, 0.12), 120)


def _mount(world: World, at: tuple[float, float, float], wide: float, tall: float, seed: int, rgb: Rgb) -> None:
    body = turned(
        [
            (wide, 0),
            (wide * 0.62, tall * 0.33),
            (wide * 0.34, tall * 0.7),
            (wide * 0.2, tall),
            (wide * 0.14, tall * 0.94),
            (0, tall * 0.9),
        ],
        at,
        80,
    )
    angle = np.arctan2(body.vertices[:, 1] - at[1], body.vertices[:, 0] - at[0])
    body.vertices[:, 0] += (body.vertices[:, 0] - at[0]) * (0.08 * np.sin(angle * 7 + seed) + 0.05 * np.sin(angle * 16))
    world.solid(body, world.matte(rgb), smooth=False)


def alien(world: World) -> Air:
    """A violet world with domes on stalks and two moons; the engine turns its hue."""

    def land(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _rolling(x, y) * 1.3 + 0.05 * np.sin(x * 2.1 + y) * np.sin(y * 1.7)

    world.solid(ground(land, 28, -7.5, 30), world.matte((0.34, 0.13, 0.5)))
    _domes(world, land)
    for x, y, wide, tall in ((-17, 42, 5, 12), (12, 50, 7, 15), (24, 44, 4, 9), (-4, 54, 4, 8)):
        spire = turned([(wide, -1), (wide * 0.6, tall * 0.3), (wide * 0.45, tall * 0.7), (0.05, tall)], (x, y, 0), 9)
        world.solid(spire, world.matte((0.38, 0.18, 0.55)), smooth=False)
    for x, z, size, rgb in ((-14, 24, 5.5, (0.9, 0.55, 0.5)), (6, 30, 2.4, (0.6, 0.5, 0.85))):
        world.solid(lump(size, (x, 66, z), 1, 0.0, 0, 4), world.matte(rgb))
    world.gradient((0.06, 0.015, 0.2), (0.75, 0.3, 0.62), (0.3, 0.1, 0.35), 1.0, 0.5)
    world.sun(SUN, (5e-5, 4.4e-5, 5.2e-5), 5.0)
    _outside_camera(world)
    return Air(0.74, (0.62, 0.36, 0.66), 90)


def _domes(world: World, land: Height) -> None:
    caps = [world.glossy(rgb, 0.35) for rgb in ((0.75, 0.2, 0.6), (0.4, 0.2, 0.75), (0.85, 0.35, 0.55))]
    stalk, glow = world.matte((0.6, 0.4, 0.7)), world.glowing((1, 0.5, 0.95), 0.9)
    chance = np.random.default_rng(15)
    for k in range(34):
        y = 0.8 + 18 * (k / 34) ** 1.2
        x = chance.choice((-1, 1)) * chance.uniform(2.2 + 0.15 * y, 4.5 + 0.7 * y)
        z, tall = float(land(np.array(x), np.array(y))) - 0.05, chance.uniform(0.5, 1.3) * (1 + 0.11 * y)
        wide = tall * chance.uniform(0.28, 0.42)
        angles = np.linspace(-0.25, math.pi / 2 - 0.01, 12)
        cap = [(wide * math.cos(t), tall + wide * 0.75 * math.sin(t)) for t in angles]
        world.solid(turned([(0.02, tall * 0.98), *cap], (x, y, z), 40), caps[k % 3])
        world.solid(turned([(wide * 0.3, 0), (wide * 0.16, tall * 0.5), (wide * 0.22, tall)], (x, y, z), 20), stalk)
        for angle in np.arange(5) * 1.3 + k:
            out = 0.72 * wide
            spot = (x + out * math.cos(angle), y + out * math.sin(angle), z + tall + wide * 0.52)
            world.solid(lump(wide * 0.12, spot, detail=2), glow)
