"""Places further away: the savanna, the jungle, a harbour, a library and a hall of a castle."""

import math

import numpy as np
import trimesh
from places import (
    Air,
    _air,
    _clouds,
    _hills,
    _inside_camera,
    _outside_camera,
    _palm,
    _planks,
    _rolling,
    _sky,
    _tiles,
)  # fmt: skip
from shapes import blades, drum, ground, joined, leafy, lump, turned
from world import Rgb, World


def savanna(world: World) -> Air:
    """Straw and flat-topped acacias."""
    world.solid(ground(_rolling, 26, -7.5, 40), world.matte((0.6, 0.44, 0.16)))
    for k, rgb in enumerate(((0.72, 0.55, 0.2), (0.82, 0.64, 0.27), (0.58, 0.5, 0.18))):
        world.solid(blades(_rolling, 30000, (-15, 15, -7.2, 14), 0.2, k), world.matte(rgb), smooth=False)
    crown, bark = world.glossy((0.28, 0.4, 0.1), 0.5), world.matte((0.3, 0.2, 0.13))
    for k, (x, y, tall) in enumerate(
        ((-5.6, 7, 3.7), (6.4, 9, 4.2), (-12, 17, 4.2), (12.5, 19, 4), (2.8, 24, 4.2), (-4, 28, 4))
    ):
        z = float(_rolling(np.array(x), np.array(y)))
        canopy = [
            lump(tall * r, (x + tall * a, y, z + tall * b), 0.26, 0.08, k)
            for r, a, b in ((0.52, 0, 0.98), (0.34, -0.42, 0.88), (0.32, 0.44, 0.9))
        ]
        world.solid(joined(canopy), crown)
        trunk = [turned([(tall * 0.05, 0), (tall * 0.032, tall * 0.6)], (x, y, z), 16)]
        for lean in (-0.5, 0.42):
            branch = turned([(tall * 0.03, 0), (tall * 0.02, tall * 0.5)], (0, 0, 0), 12)
            branch.apply_transform(trimesh.transformations.rotation_matrix(lean, (0, 1, 0)))
            branch.apply_translation((x, y, z + tall * 0.45))
            trunk.append(branch)
        world.solid(joined(trunk), bark)
    stone = world.glossy((0.55, 0.4, 0.28), 0.6)
    for x, y, size in ((-3.2, 1.0, 0.4), (3.5, 1.6, 0.55), (2.9, 0.8, 0.22)):
        world.solid(lump(size, (x, y, size * 0.25), 0.7, 0.22, int(size * 100)), stone)
    _hills(world, ((0.62, 0.5, 0.24), (0.56, 0.5, 0.36)), 12, 2.0)
    _clouds(world, 5, 5, 12)
    _sky(world, (0.07, 0.3, 0.72), (0.85, 0.8, 0.66))
    _outside_camera(world)
    return _air(world, 0.66, (0.98, 0.88, 0.66), 110)


def jungle(world: World) -> Air:
    """Palms and leaves on both sides of a clearing."""
    world.solid(ground(_rolling, 26, -7.5, 30), world.matte((0.13, 0.2, 0.06)))
    for k, rgb in enumerate(((0.14, 0.36, 0.08), (0.2, 0.44, 0.1))):
        world.solid(blades(_rolling, 26000, (-15, 15, -7.2, 14), 0.16, k), world.matte(rgb), smooth=False)
    greens = [world.glossy(rgb, 0.35, 0.05) for rgb in ((0.08, 0.34, 0.1), (0.14, 0.44, 0.12), (0.06, 0.28, 0.14))]
    bark = world.matte((0.28, 0.19, 0.11))
    chance = np.random.default_rng(17)
    for k in range(36):
        y = 2.2 + 17 * k / 36
        x = chance.choice((-1, 1)) * chance.uniform(max(0.6, 2.9 - 0.12 * y), 4.2 + 0.5 * y)
        if k % 2:
            leaves, trunk = _palm((x, y, -0.1), chance.uniform(3, 4.8), chance.uniform(-0.8, 0.8))
            world.solid(leaves, greens[k % 3], smooth=False)
        else:
            leaves, trunk = leafy((x, y, -0.05), chance.uniform(4.5, 6.5), k)
            world.solid(leaves, greens[k % 3])
        world.solid(trunk, bark)
    for k in range(26):
        y = chance.uniform(-1.4, 4)
        x = chance.choice((-1, 1)) * chance.uniform(1.9, 2.7 + 0.25 * (y + 1.4))
        world.solid(_fern((x, y, 0), chance.uniform(0.6, 1.15), k), greens[k % 3], smooth=False)
    petal = world.glossy((0.9, 0.2, 0.4), 0.4)
    for x, y, z in ((-2.2, -0.6, 0.5), (2.3, -0.2, 0.6), (2.6, 0.8, 0.7), (-2.5, 0.9, 0.75)):
        world.solid(
            joined(
                [
                    lump(0.08, (x + 0.09 * math.cos(a), y, z + 0.09 * math.sin(a)), 1, detail=2)
                    for a in np.arange(5) * 1.257
                ]
            ),
            petal,
        )
    _sky(world, (0.2, 0.45, 0.45), (0.72, 0.86, 0.6))
    _outside_camera(world)
    return _air(world, 0.8, (0.7, 0.88, 0.62), 60)


def _fern(at: tuple[float, float, float], tall: float, seed: int) -> trimesh.Trimesh:
    """Broad leaves that bend outwards from one foot."""
    vertices: list[tuple[float, float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for leaf in range(9):
        angle = leaf * 0.7 + seed
        across = np.array((-math.sin(angle), math.cos(angle), 0))
        out = np.array((math.cos(angle), math.sin(angle), 0))
        start = len(vertices)
        for s in np.linspace(0, 1, 9):
            middle = np.asarray(at) + out * tall * 0.75 * s + np.array((0, 0, tall * (1.5 * s - 1.05 * s * s)))
            wide = tall * 0.11 * math.sin(math.pi * (0.08 + 0.92 * s)) + 0.004
            vertices += [tuple(middle - across * wide), tuple(middle + across * wide)]
        for k in range(8):
            a = start + 2 * k
            faces += [(a, a + 1, a + 3), (a, a + 3, a + 2)]
    return trimesh.Trimesh(vertices, faces, process=False)


def harbour(world: World) -> Air:
    """A pier of planks, boats on the water, and a row of gables on the far bank."""
    _planks(world, 3.4, -7.5, 3.0, (0.5, 0.36, 0.24), 5)
    post = world.matte((0.34, 0.24, 0.17))
    for side in (-1, 1):
        for y in (-2.6, 0.0, 2.7):
            world.solid(drum(0.16, 0.75, (side * 3.3, y, 0), 0.05), post)
    water = ground(
        lambda x, y: 0.03 * np.sin(y * 1.9 + 0.7 * np.sin(x * 0.5)) + 0.02 * np.sin(x * 1.3 + y * 0.7) - 0.35,
        60,
        -8,
        70,
        420,
    )
    world.solid(water, world.glossy((0.03, 0.26, 0.38), 0.08, 0.1))
    bank = world.matte((0.5, 0.47, 0.44))
    world.box((-40, 16, -0.5), (40, 60, 0.4), bank)
    walls: tuple[Rgb, ...] = (
        (0.85, 0.4, 0.3),
        (0.92, 0.78, 0.45),
        (0.4, 0.6, 0.7),
        (0.9, 0.86, 0.8),
        (0.55, 0.66, 0.45),
        (0.8, 0.55, 0.6),
    )
    roofs: tuple[Rgb, ...] = ((0.5, 0.2, 0.14), (0.3, 0.22, 0.24))
    frame, pane = world.matte((0.9, 0.88, 0.85)), world.glossy((0.16, 0.22, 0.3), 0.1, 0.1)
    chance = np.random.default_rng(4)
    x, k = -18.0, 0
    while x < 18:
        wide, tall = chance.uniform(2.6, 3.6), chance.uniform(3.6, 6.0)
        world.box((x, 17, 0.4), (x + wide, 20, 0.5 + tall), world.matte(walls[k % 6]))
        ridge = [
            (x - 0.1, 16.8, 0.5 + tall),
            (x + wide + 0.1, 16.8, 0.5 + tall),
            (x + wide / 2, 16.8, 0.5 + tall + 1.3),
        ]
        back = [(a, 20.2, c) for a, _, c in ridge]
        world.solid(
            trimesh.Trimesh([*ridge, *back], [(0, 1, 2), (3, 5, 4), (0, 2, 5), (0, 5, 3), (1, 4, 5), (1, 5, 2)], process=False),
            world.matte(roofs[k % 2]), smooth=False,
        )  # fmt: skip
        for z in np.arange(1.3, tall - 0.6, 1.25):
            for u in (0.22, 0.62):
                world.box((x + wide * u, 16.94, z), (x + wide * u + 0.5, 17, z + 0.75), frame)
                world.box((x + wide * u + 0.06, 16.92, z + 0.06), (x + wide * u + 0.44, 16.95, z + 0.69), pane)
        x, k = x + wide + 0.05, k + 1
    for x, y, size, rgb in (
        (-3.6, 6.5, 0.9, (0.8, 0.2, 0.16)),
        (3.9, 8.5, 1.0, (0.16, 0.36, 0.66)),
        (-0.6, 12.5, 0.9, (0.92, 0.9, 0.86)),
    ):
        _boat(world, x, y, size, rgb)
    _hills(world, ((0.3, 0.46, 0.3), (0.4, 0.52, 0.48)), 30, 6.0)
    _clouds(world, 6, 6, 14)
    _sky(world)
    world.camera((0, -6.6, 1.55), (0, 0, 1.62), 50, 0.04, 6.2)
    return _air(world, 0.6, (0.72, 0.84, 0.95), 260)


def _boat(world: World, x: float, y: float, size: float, rgb: Rgb) -> None:
    hull = lump(1.0, (0, 0, 0), 1.0, 0, 0, 4)
    hull.vertices[:, 2] = np.minimum(hull.vertices[:, 2], 0.12 + 0.22 * np.abs(hull.vertices[:, 0]) ** 2)
    hull.vertices *= (1.5 * size, 0.55 * size, 0.7 * size)
    hull.apply_translation((x, y, 0.15))
    world.solid(hull, world.glossy(rgb, 0.3))
    mast = turned([(0.05 * size, 0), (0.035 * size, 3.4 * size)], (x, y, 0.1), 12)
    world.solid(mast, world.matte((0.45, 0.32, 0.2)))
    sail = trimesh.Trimesh(
        [(x + 0.1, y, 0.75 * size), (x + 1.35 * size, y - 0.1, 0.8 * size), (x + 0.1, y, 3.3 * size)],
        [(0, 1, 2)],
        process=False,
    )
    world.solid(sail, world.matte((0.93, 0.9, 0.84)), smooth=False)


def library(world: World) -> Air:
    """Books to the ceiling, a rug, two lamps."""
    _planks(world, 4.2, -5, 3.4, (0.3, 0.17, 0.09), 9)
    wood, deep = world.glossy((0.28, 0.15, 0.08), 0.25, 0.04), world.matte((0.12, 0.065, 0.04))
    world.box((-4.3, 3.3, 0), (4.3, 3.5, 3.4), deep)
    ceiling = world.matte((0.5, 0.4, 0.3))
    world.quad(((-4.3, -5, 3.4), (4.3, -5, 3.4), (4.3, 3.5, 3.4), (-4.3, 3.5, 3.4)), ceiling)
    chance = np.random.default_rng(21)
    tones: tuple[Rgb, ...] = (
        (0.5, 0.1, 0.08),
        (0.1, 0.24, 0.3),
        (0.16, 0.3, 0.14),
        (0.55, 0.36, 0.12),
        (0.34, 0.2, 0.3),
        (0.7, 0.6, 0.45),
        (0.12, 0.14, 0.22),
    )
    covers = [world.glossy(rgb, 0.3) for rgb in tones]
    for z in np.arange(0.08, 3.2, 0.46):
        world.box((-4.2, 2.85, z - 0.03), (4.2, 3.3, z), wood)
        x = -4.15
        while x < 4.1:
            wide, tall = chance.uniform(0.04, 0.09), chance.uniform(0.27, 0.4)
            if chance.random() > 0.07:
                world.box(
                    (x, 2.88 + chance.uniform(0, 0.06), z),
                    (x + wide - 0.006, 3.25, z + tall),
                    covers[chance.integers(7)],
                )
            x += wide
    for x in (-4.2, -2.1, 0.0, 2.1, 4.2):
        world.box((x - 0.06, 2.8, 0), (x + 0.06, 3.32, 3.4), wood)
    for side in (-1, 1):
        world.box((side * 4.2 - 0.1, -5, 0), (side * 4.2 + 0.1, 3.3, 3.4), world.matte((0.36, 0.2, 0.12)))
    world.solid(drum(2.0, 0.025, (0, -0.3, 0), 0.01), world.matte((0.45, 0.08, 0.08)))
    world.solid(drum(1.75, 0.03, (0, -0.3, 0), 0.01), world.matte((0.62, 0.42, 0.22)))
    shade, brass = world.glowing((1, 0.72, 0.4), 9), world.glossy((0.7, 0.5, 0.2), 0.2, 0.1)
    for side in (-1, 1):
        world.solid(turned([(0.16, 0), (0.03, 0.06), (0.025, 1.35)], (side * 2.25, 2.1, 0), 24), brass)
        world.solid(turned([(0.26, 1.35), (0.16, 1.7)], (side * 2.25, 2.1, 0), 32), shade)
    world.even_light((0.7, 0.56, 0.42))
    world.quad(
        ((-2.5, -4.5, 3.3), (2.5, -4.5, 3.3), (2.5, -1.5, 3.3), (-2.5, -1.5, 3.3)), world.glowing((1, 0.86, 0.66), 16)
    )
    _inside_camera(world)
    return Air(1.6, samples=28)


def hall(world: World) -> Air:
    """Of a castle: flags of stone, pillars with banners, a window at the end."""
    _tiles(world, 5.4, -6, 6, (0.46, 0.43, 0.4), (0.36, 0.34, 0.33), 0.75)
    stone, pale, red, gold = (
        world.matte((0.42, 0.39, 0.36)), world.matte((0.52, 0.49, 0.45)), world.matte((0.5, 0.04, 0.05)), world.glossy((0.8, 0.58, 0.2), 0.25, 0.1),
    )  # fmt: skip
    for x0, x1, z0, z1 in ((-5, -1.1, 0, 5.5), (1.1, 5, 0, 5.5), (-1.1, 1.1, 0, 1.5), (-1.1, 1.1, 4.4, 5.5)):
        world.box((x0, 5.6, z0), (x1, 6, z1), stone)
    world.box((-0.05, 5.7, 1.5), (0.05, 5.8, 4.4), pale)
    for z in (2.4, 3.4):
        world.box((-1.1, 5.7, z - 0.04), (1.1, 5.8, z + 0.04), pale)
    world.quad(((-5, -6, 5.5), (5, -6, 5.5), (5, 6, 5.5), (-5, 6, 5.5)), world.matte((0.25, 0.2, 0.16)))
    flame = world.glowing((1, 0.5, 0.16), 26)
    for side in (-1, 1):
        world.box((side * 4.9 - 0.1, -6, 0), (side * 4.9 + 0.1, 6, 5.5), stone)
        for y in (0.4, 2.6, 4.8):
            profile = [(0.5, 0), (0.5, 0.25), (0.34, 0.35), (0.32, 3.7), (0.5, 3.95), (0.55, 4.2), (0.55, 5.5)]
            world.solid(turned(profile, (side * 3.3, y, 0)), pale)
        world.box((side * 1.95 - 0.45, 5.5, 1.5), (side * 1.95 + 0.45, 5.54, 4.2), red)
        world.box((side * 1.95 - 0.5, 5.46, 4.18), (side * 1.95 + 0.5, 5.56, 4.26), gold)
        world.solid(lump(0.22, (side * 1.95, 5.5, 3.1), 1.0, detail=3), gold)
        world.solid(turned([(0.05, 1.9), (0.1, 2.25)], (side * 2.75, 0.4, 0), 16), gold)
        world.solid(lump(0.11, (side * 2.75, 0.4, 2.36), 1.6, 0.1, 3, 3), flame)
    world.box((-1.0, -6, 0), (1.0, 5.4, 0.012), red)
    for side in (-1, 1):
        world.box((side * 0.94 - 0.04, -6, 0.012), (side * 0.94 + 0.04, 5.4, 0.016), gold)
    world.gradient((0.35, 0.55, 0.85), (0.9, 0.92, 0.95), (0.5, 0.5, 0.5), 1.6)
    world.quad(((-3, -5, 5.3), (3, -5, 5.3), (3, -1, 5.3), (-3, -1, 5.3)), world.glowing((1, 0.84, 0.64), 2.2))
    world.even_light((0.12, 0.11, 0.12))
    world.camera((0, -6.4, 1.5), (0, 1.5, 1.75), 50, 0.02, 6.2)
    return Air(1.15, samples=28)
