"""More clay stages for things without a place: the engine draws one of them and gives it a hue."""

import numpy as np
import trimesh
from places import Air, _cove, _studio_light
from shapes import drum, lump, turned
from world import World


def podium_discs(world: World) -> Air:
    """Two low discs before a large round one, and balls."""
    clay, light, deep = (world.glossy((k, k, k), 0.4) for k in (0.58, 0.74, 0.42))
    _cove(world, clay)
    world.solid(drum(3.4, 0.1, (0, 0.2, 0), 0.04), deep)
    world.solid(drum(2.5, 0.2, (0, 0.1, 0), 0.05), light)
    for radius, y, z, material in ((1.75, 1.75, 1.62, light), (1.42, 1.55, 1.62, clay)):
        disc = drum(radius, 0.2, (0, 0, 0), 0.05)
        disc.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
        disc.apply_translation((0, y, z))
        world.solid(disc, material)
    for x, y, size, material in (
        (-2.5, 0.9, 0.42, light),
        (-1.95, 1.2, 0.2, deep),
        (2.35, 1.1, 0.55, deep),
        (2.0, 0.3, 0.2, light),
    ):
        world.solid(lump(size, (x, y, size), detail=4), material)
    _studio_light(world)
    world.camera((0, -8.2, 1.9), (0, 0.3, 1.62), 38, 0.03, 8.0)
    return Air(0.72, samples=20)


def podium_blocks(world: World) -> Air:
    """A square plinth between stairs and columns."""
    clay, light, deep = (world.glossy((k, k, k), 0.4) for k in (0.6, 0.74, 0.44))
    _cove(world, clay)
    world.box((-2.4, -1.5, 0), (2.4, 1.7, 0.16), light)
    for step in range(5):
        world.box(
            (-3.3 + 0.36 * step, 1.0, 0), (-2.94 + 0.36 * step, 2.1, 0.36 * (5 - step)), light if step % 2 else deep
        )
    world.box((1.15, 1.5, 0), (2.0, 2.1, 2.6), deep)
    world.box((1.75, 0.9, 0), (2.7, 1.7, 1.2), light)
    world.solid(lump(0.36, (2.2, 1.3, 1.56), detail=4), deep)
    profile = [(0.3, 0), (0.3, 0.08), (0.22, 0.14), (0.2, 2.5), (0.26, 2.58), (0.3, 2.66), (0.3, 2.74), (0, 2.75)]
    world.solid(turned(profile, (-1.2, 2.0, 0)), light)
    _studio_light(world)
    world.camera((0, -8.2, 1.9), (0, 0.3, 1.62), 38, 0.03, 8.0)
    return Air(0.72, samples=20)
