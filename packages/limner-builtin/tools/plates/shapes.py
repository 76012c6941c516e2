"""Bodies that the places are built of: turned profiles, lumps, ground, trees, and models read from OBJ files."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from world import Rgb, Vector, World

AROUND = 72


def turned(profile: Sequence[tuple[float, float]], at: Vector = (0, 0, 0), around: int = AROUND) -> trimesh.Trimesh:
    """A body of revolution from (radius, height) pairs."""
    angles = np.linspace(0, 2 * math.pi, around, endpoint=False)
    vertices = [(r * math.cos(a), r * math.sin(a), z) for r, z in profile for a in angles]
    faces = []
    for ring in range(len(profile) - 1):
        for k in range(around):
            a, b = ring * around + k, ring * around + (k + 1) % around
            faces += [(a, b, b + around), (a, b + around, a + around)]
    solid = trimesh.Trimesh(vertices, faces, process=False)
    solid.apply_translation(at)
    return solid


def drum(radius: float, height: float, at: Vector = (0, 0, 0), bevel: float = 0.03) -> trimesh.Trimesh:
    """A cylinder with a rounded upper edge."""
    edge = [
        (radius - bevel + bevel * math.cos(t), height - bevel + bevel * math.sin(t))
        for t in np.linspace(0.01, math.pi / 2, 8)
    ]
    return turned([(0, 0), (radius, 0), (radius, height - bevel), *edge, (0, height)], at, 128)


def lump(
    radius: float, at: Vector, squash: float = 1.0, rough: float = 0.0, seed: int = 0, detail: int = 3
) -> trimesh.Trimesh:
    """A ball, flattened and uneven as asked."""
    solid = trimesh.creation.icosphere(detail, radius)
    if rough:
        chance = np.random.default_rng(seed)
        waves = solid.vertices / radius @ chance.normal(0, 1, (3, 7)) * 1.9 + chance.uniform(0, 6, 7)
        solid.vertices *= (1 + rough * np.sin(waves).mean(1) * 1.8)[:, None]
    solid.vertices[:, 2] *= squash
    solid.apply_translation(at)
    return solid


def ground(
    height: Callable[[np.ndarray, np.ndarray], np.ndarray], across: float, near: float, far: float, cells: int = 260
) -> trimesh.Trimesh:
    """Land over a rectangle, in finer cells near the camera."""
    x = np.linspace(-across, across, cells)
    y = near + (far - near) * np.linspace(0, 1, cells) ** 1.8
    u, v = np.meshgrid(x, y)
    u = u * (0.35 + 0.65 * (v - near) / (far - near))
    vertices = np.stack([u, v, height(u, v)], -1).reshape(-1, 3)
    index = np.arange(cells * cells).reshape(cells, cells)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return trimesh.Trimesh(vertices, faces, process=False)


def joined(solids: Sequence[trimesh.Trimesh]) -> trimesh.Trimesh:
    return trimesh.util.concatenate(list(solids))


def pine(at: Vector, tall: float, seed: int = 0) -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    """Needles in four rounded skirts, and a trunk."""
    x, y, z = at
    skirts = []
    for k in range(4):
        wide, low = tall * (0.27 - 0.05 * k), tall * (0.16 + 0.2 * k)
        high = low + tall * (0.34 - 0.02 * k)
        skirt = turned(
            [
                (0, low + 0.02 * tall),
                (wide * 0.8, low - 0.01 * tall),
                (wide, low + 0.01 * tall),
                (wide * 0.95, low + 0.035 * tall),
                (wide * 0.45, (low + high) / 2),
                (0.01, high),
            ],
            (0, 0, 0),
            36,
        )
        angle = np.arctan2(skirt.vertices[:, 1], skirt.vertices[:, 0])
        skirt.vertices[:, :2] *= (1 + 0.06 * np.sin(angle * 7 + seed + k))[:, None]
        skirts.append(skirt)
    needles = joined(skirts)
    needles.apply_translation((x, y, z))
    return needles, turned([(tall * 0.045, 0), (tall * 0.03, tall * 0.3)], (x, y, z), 16)


def leafy(at: Vector, tall: float, seed: int = 0) -> tuple[trimesh.Trimesh, trimesh.Trimesh]:
    """A crown of lumps, and a trunk."""
    x, y, z = at
    chance = np.random.default_rng(seed)
    crown = [lump(tall * 0.3, (x, y, z + tall * 0.66), 0.95, 0.12, seed)]
    for k in range(7):
        angle = k * 0.9 + chance.uniform(0, 0.5)
        out = tall * chance.uniform(0.16, 0.26)
        centre = (x + out * math.cos(angle), y + out * math.sin(angle), z + tall * chance.uniform(0.5, 0.82))
        crown.append(lump(tall * chance.uniform(0.13, 0.2), centre, 0.95, 0.12, seed + k))
    trunk = turned([(tall * 0.075, -0.02), (tall * 0.05, tall * 0.12), (tall * 0.042, tall * 0.5)], (x, y, z), 20)
    return joined(crown), trunk


def blades(
    height: Callable[[np.ndarray, np.ndarray], np.ndarray], many: int, area: tuple[float, float, float, float],
    tall: float, seed: int,
) -> trimesh.Trimesh:  # fmt: skip
    """Grass: thin triangles that lean every way; denser towards the near edge of the area."""
    chance = np.random.default_rng(seed)
    left, right, near, far = area
    y = near + (far - near) * chance.random(many) ** 2.2
    x = chance.uniform(left, right, many) * (0.35 + 0.65 * (y - near) / (far - near))
    z = height(x, y)
    angle, lean = chance.uniform(0, 2 * math.pi, many), chance.uniform(0, 0.5, many)
    size = tall * chance.uniform(0.5, 1.1, many) * (1 + (y - near) * 0.03)
    wide = size * 0.09
    foot = np.stack([x, y, z - 0.01], -1)
    side = np.stack([np.cos(angle) * wide, np.sin(angle) * wide, np.zeros(many)], -1)
    tip = np.stack([-np.sin(angle) * lean * size, np.cos(angle) * lean * size, size], -1)
    vertices = np.stack([foot - side, foot + side, foot + tip], 1).reshape(-1, 3)
    return trimesh.Trimesh(vertices, np.arange(3 * many).reshape(-1, 3), process=False)


# --- models --------------------------------------------------------------------------------------------------------


def model(
    world: World, name: str, at: Vector, *, height: float | None = None, width: float | None = None, turn: float = 0.0,
    tint: Rgb | None = None,
) -> None:  # fmt: skip
    """A piece of furniture, its lowest middle at a point."""
    path = world.models / name / f"{name}.obj"
    points, normals, places, groups, materials = _read_obj(path)
    low, high = points.min(0), points.max(0)
    points = points - [(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2]
    scale = height / (high[1] - low[1]) if height else (width or 1) / (high[0] - low[0])
    angle = math.radians(turn)
    about = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    upright = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ about  # in OBJ files y points up
    points = points @ upright.T * scale + np.asarray(at, float)
    normals = normals @ upright.T if len(normals) else normals
    for group, corners in groups.items():
        keys = {key: index for index, key in enumerate(dict.fromkeys(corners))}
        faces = np.array([keys[key] for key in corners]).reshape(-1, 3)
        v = [points[key[0]] for key in keys]
        t = [places[key[1]] if key[1] is not None else (0, 0) for key in keys]
        n = [normals[key[2]] for key in keys if key[2] is not None]
        world.mesh(
            v, faces, _material(world, path.parent, materials.get(group, {}), tint), n if len(n) == len(v) else None, t
        )


def _material(world: World, folder: Path, found: dict[str, Any], tint: Rgb | None) -> str:
    if found.get("d", 1.0) < 0.6:
        return world.glass()
    texture = folder / found["map"] if found.get("map") else None
    if texture is not None and texture.exists() and tint is None:
        return world.glossy(world.picture(texture), 0.28)
    return world.glossy(tint or tuple(np.clip(found.get("Kd", [0.6] * 3), 0.02, 0.85)), 0.28)


def _read_mtl(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    current: dict[str, Any] = {}
    for line in path.read_text("latin1").splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "newmtl":
            current = found[rest.strip()] = {}
        elif key == "Kd":
            current["Kd"] = [float(part) for part in rest.split()[:3]]
        elif key == "d":
            current["d"] = float(rest.split()[0])
        elif key == "map_Kd":
            current["map"] = rest.strip()
    return found


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, list[Any]], dict[str, dict[str, Any]]]:
    points: list[list[float]] = []
    normals: list[list[float]] = []
    places: list[list[float]] = []
    groups: dict[str, list[Any]] = {}
    materials: dict[str, dict[str, Any]] = {}
    current = ""
    for line in path.read_text("latin1").splitlines():
        key, _, rest = line.strip().partition(" ")
        match key:
            case "v":
                points.append([float(part) for part in rest.split()[:3]])
            case "vn":
                normals.append([float(part) for part in rest.split()[:3]])
            case "vt":
                places.append([float(part) for part in rest.split()[:2]])
            case "mtllib":
                materials = _read_mtl(path.parent / rest.strip())
            case "usemtl":
                current = rest.strip()
            case "f":
                corners = [_corner(part, len(points), len(places), len(normals)) for part in rest.split()]
                for k in range(1, len(corners) - 1):
                    groups.setdefault(current, []).extend((corners[0], corners[k], corners[k + 1]))
    return np.array(points), np.array(normals), np.array(places), groups, materials


def _corner(text: str, points: int, places: int, normals: int) -> tuple[int, int | None, int | None]:
    parts = [*text.split("/"), "", ""][:3]
    found = [
        int(part) - 1 if part and int(part) > 0 else int(part) + many if part else None
        for part, many in zip(parts, (points, places, normals), strict=True)
    ]
    return found[0] or 0, found[1], found[2]
