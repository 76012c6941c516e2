"""A scene of LuxCore while it is built: materials, meshes, lights, a camera; and its rendering with a depth plane."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyluxcore
import trimesh
from PIL import Image

Vector = Sequence[float]
Rgb = tuple[float, float, float]


class World:
    """Collects a scene. `z` points up, the camera looks along `y`, and a person is about 1.7 high."""

    def __init__(self, models: Path, scratch: Path, hour: str = "day") -> None:
        self.hour = hour
        self.snowy = False
        self.scene = pyluxcore.Scene()
        self.models = models
        self.scratch = scratch
        self._many = 0

    def put(self, properties: dict[str, Any]) -> None:
        parsed = pyluxcore.Properties()
        for name, value in properties.items():
            parsed.Set(pyluxcore.Property("scene." + name, value))
        self.scene.Parse(parsed)

    # --- materials -------------------------------------------------------------------------------------------------

    def matte(self, rgb: Rgb) -> str:
        name = self._name()
        self.put({f"materials.{name}.type": "matte", f"materials.{name}.kd": _floats(rgb)})
        return name

    def glossy(self, rgb: Rgb | str, rough: float = 0.3, gloss: float = 0.03) -> str:
        name = self._name()
        self.put(
            {
                f"materials.{name}.type": "glossy2",
                f"materials.{name}.kd": rgb if isinstance(rgb, str) else _floats(rgb),
                f"materials.{name}.ks": [gloss] * 3,
                f"materials.{name}.uroughness": rough,
                f"materials.{name}.vroughness": rough,
            }
        )
        return name

    def glass(self) -> str:
        name = self._name()
        self.put(
            {
                f"materials.{name}.type": "archglass",
                f"materials.{name}.kr": [0.3] * 3,
                f"materials.{name}.kt": [0.9] * 3,
            }
        )
        return name

    def glowing(self, rgb: Rgb, gain: float) -> str:
        name = self._name()
        self.put(
            {
                f"materials.{name}.type": "matte",
                f"materials.{name}.kd": [0.0] * 3,
                f"materials.{name}.emission": [float(part) * gain for part in rgb],
            }
        )
        return name

    def picture(self, path: Path) -> str:
        name = self._name()
        self.put(
            {f"textures.{name}.type": "imagemap", f"textures.{name}.file": str(path), f"textures.{name}.gamma": 2.2}
        )
        return name

    # --- bodies ----------------------------------------------------------------------------------------------------

    def mesh(self, vertices: Any, faces: Any, material: str, normals: Any = None, uv: Any = None) -> None:
        name = self._name()
        self.scene.DefineMesh(
            name, _rows(vertices, float), _rows(faces, int), _rows(normals, float), _rows(uv, float), None, None
        )
        self.put({f"objects.{name}.shape": name, f"objects.{name}.material": material})

    def solid(self, solid: trimesh.Trimesh, material: str, *, smooth: bool = True) -> None:
        self.mesh(solid.vertices, solid.faces, material, _normals(solid) if smooth else None)

    def box(self, low: Vector, high: Vector, material: str) -> None:
        self.solid(trimesh.creation.box(bounds=[low, high]), material, smooth=False)

    def quad(self, corners: Sequence[Vector], material: str) -> None:
        self.mesh(corners, [(0, 1, 2), (0, 2, 3)], material, uv=[(0, 0), (1, 0), (1, 1), (0, 1)])

    # --- light and camera ------------------------------------------------------------------------------------------

    def daylight(self, towards: Vector, sun: float = 9e-5, sky: float = 1.5e-4, size: float = 3.0) -> None:
        self.put(
            {
                "lights.sky.type": "sky2",
                "lights.sky.dir": _floats(towards),
                "lights.sky.gain": [sky] * 3,
                "lights.sun.type": "sun",
                "lights.sun.dir": _floats(towards),
                "lights.sun.gain": [sun] * 3,
                "lights.sun.relsize": size,
            }
        )

    def sun(self, towards: Vector, gain: Rgb, size: float = 3.0) -> None:
        self.put(
            {
                "lights.sun.type": "sun",
                "lights.sun.dir": _floats(towards),
                "lights.sun.gain": _floats(gain),
                "lights.sun.relsize": size,
            }
        )

    def dome(self, colours: np.ndarray, gain: float = 1.0) -> None:
        """A sky from a picture of the whole sphere (rows from the zenith down), in linear colours from 0 to 1."""
        path = self.scratch / f"{self._name()}.png"
        Image.fromarray((np.clip(colours, 0, 1) * 255 + 0.5).astype("uint8")).save(path)
        self.put(
            {
                "lights.dome.type": "infinite",
                "lights.dome.file": str(path),
                "lights.dome.gamma": 1.0,
                "lights.dome.gain": [gain] * 3,
            }
        )

    def gradient(self, zenith: Rgb, skyline: Rgb, below: Rgb, gain: float = 1.0, power: float = 0.6) -> None:
        """A sky between two colours."""
        up = np.linspace(1, -1, 256)[:, None, None]
        share = np.clip(up, 0, 1) ** power
        sky = np.asarray(skyline) * (1 - share) + np.asarray(zenith) * share
        self.dome(np.broadcast_to(np.where(up >= 0, sky, np.asarray(below)), (256, 512, 3)), gain)

    def even_light(self, rgb: Rgb) -> None:
        self.put({"lights.even.type": "constantinfinite", "lights.even.color": _floats(rgb)})

    def camera(self, eye: Vector, target: Vector, angle: float, blur: float = 0.0, focus: float | None = None) -> None:
        found: dict[str, Any] = {
            "camera.type": "perspective",
            "camera.lookat.orig": _floats(eye),
            "camera.lookat.target": _floats(target),
            "camera.up": [0.0, 0.0, 1.0],
            "camera.fieldofview": float(angle),
        }
        if blur:
            far = math.dist(eye, target) if focus is None else focus
            found |= {"camera.lensradius": blur, "camera.focaldistance": far, "camera.autofocus.enable": 0}
        self.put(found)

    def _name(self) -> str:
        self._many += 1
        return f"n{self._many}"


def rendered(world: World, width: int, height: int, samples: int, exposure: float) -> tuple[np.ndarray, np.ndarray]:
    """Linear colours after the denoiser, and the distance of each pixel; by one thread."""
    settings = pyluxcore.Properties()
    for name, value in {
        "renderengine.type": "PATHCPU",
        "renderengine.seed": 7,
        "sampler.type": "SOBOL",
        "native.threads.count": 1,
        "film.width": width,
        "film.height": height,
        "path.pathdepth.total": 6,
        "path.pathdepth.diffuse": 3,
        "path.pathdepth.glossy": 3,
        "path.clamping.variance.maxvalue": 8.0,
        "batch.haltspp": samples,
        "film.filter.type": "BLACKMANHARRIS",
        "film.imagepipelines.0.0.type": "INTEL_OIDN",
        "film.imagepipelines.0.0.sharpness": 0.0,
        "film.imagepipelines.0.1.type": "TONEMAP_LINEAR",
        "film.imagepipelines.0.1.scale": exposure,
        "film.outputs.0.type": "DEPTH",
        "film.outputs.0.filename": "depth.exr",
    }.items():
        settings.Set(pyluxcore.Property(name, value))
    session = pyluxcore.RenderSession(pyluxcore.RenderConfig(settings, world.scene))
    session.Start()
    while not session.HasDone():
        session.UpdateStats()
        time.sleep(0.2)
    session.Stop()
    colours, depth = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    film = session.GetFilm()
    film.GetOutputFloat(pyluxcore.FilmOutputType.RGB_IMAGEPIPELINE, colours, 0)
    film.GetOutputFloat(pyluxcore.FilmOutputType.DEPTH, depth, 0)
    return np.maximum(colours[::-1], 0), depth[::-1]


def _normals(solid: trimesh.Trimesh) -> np.ndarray:
    """Each vertex' mean of the normals of its faces, the larger ones weighing more."""
    corners = solid.vertices[solid.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(solid.vertices, dtype=float)
    for corner in range(3):
        np.add.at(total, solid.faces[:, corner], across)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _floats(values: Sequence[float]) -> list[float]:
    return [float(value) for value in values]


def _rows(values: Any, kind: type) -> list[tuple[Any, ...]] | None:
    return None if values is None else [tuple(row) for row in np.asarray(values, kind).tolist()]
