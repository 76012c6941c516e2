"""Render the places that the built-in engine sets its things into: `python tools/plates FOLDER MODELS [PLACE ...]`.

A plate that is in FOLDER or in the archive already is not rendered again, so a build that was stopped goes on where it was.
A plate in FOLDER replaces the archive's.
"""

import argparse
import io
import os
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pyluxcore
from catalogue import PLATES
from PIL import Image
from places import Air
from world import World, rendered

LARGEST = 40_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", type=Path, help="BlendSwap-CC-0.sh3f of Debian's package sweethome3d-furniture")
    parser.add_argument("places", nargs="*")
    parser.add_argument("--into", type=Path, help="write what is in FOLDER as an archive of WebP pictures")
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--samples", type=int, default=0)
    chosen = parser.parse_args()
    pyluxcore.Init(lambda _: None)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(chosen.models) as models:
        models.extractall(scratch)
        packed = contents(chosen.into)
        for name in chosen.places or PLATES:
            target = chosen.folder / f"{name}.png"
            if not target.exists() and name not in packed:
                start = time.process_time()
                part = target.with_suffix(".part.png")
                plate(name, Path(scratch), (chosen.width, chosen.height), chosen.samples).save(part)
                part.replace(target)
                print(f"{name}: {time.process_time() - start:.0f} CPU seconds", flush=True)
    if chosen.into:
        pack(chosen.folder, chosen.into)


def plate(name: str, scratch: Path, size: tuple[int, int], samples: int) -> Image.Image:
    place, hour = PLATES[name]
    world = World(scratch / "blendswap-cc-0", scratch, hour)
    air = place(world)
    colours, depth = rendered(world, *size, samples or air.samples, air.exposure)
    return developed(colours, depth, air, starry=hour == "night" or name == "space")


def contents(target: Path | None) -> dict[str, bytes]:
    """The plates that an archive has already."""
    if target is None or not target.exists():
        return {}
    with zipfile.ZipFile(target) as archive:
        return {name.removesuffix(".webp"): archive.read(name) for name in archive.namelist()}


def pack(folder: Path, target: Path) -> None:
    """Every plate as the engine reads it: the largest quality at which it has at most 40 KB."""
    plates = contents(target)
    for path in folder.glob("*.png"):
        if path.stem in PLATES:
            plates[path.stem] = _webp(printed(Image.open(path).convert("RGB"), path.stem))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(plates.items()):
            archive.writestr(zipfile.ZipInfo(f"{name}.webp", (2026, 12, 1, 0, 0, 0)), data)


def printed(picture: Image.Image, name: str) -> Image.Image:
    """A little more contrast and colour; the cave lighter."""
    light = np.asarray(picture, np.float32) / 255
    if name == "cave":
        light = light**0.66
    light = light * 0.7 + light * light * (3 - 2 * light) * 0.3
    grey = (light @ np.array((0.299, 0.587, 0.114), np.float32))[..., None]
    return Image.fromarray((np.clip(grey + (light - grey) * 1.14, 0, 1) * 255 + 0.5).astype("uint8"))


def _webp(picture: Image.Image) -> bytes:
    for quality in (88, 84, 80, 76, 70, 64, 58, 50):
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        if len(file.getvalue()) <= LARGEST:
            break
    return file.getvalue()


def developed(colours: np.ndarray, depth: np.ndarray, air: Air, *, starry: bool) -> Image.Image:
    """Haze by distance, stars where nothing is, then a curve as film has it."""
    if air.reach:
        share = np.where(depth > 1e5, 0, 1 - np.exp(-np.clip(depth - 7, 0, None) / air.reach))[..., None]
        share = smoothed(share)
        colours = colours * (1 - share) + np.asarray(air.haze) ** 2.2 * 1.2 * share
    if starry:
        colours = colours + stars(depth > 1e5)
    curved = (colours * (2.51 * colours + 0.03)) / (colours * (2.43 * colours + 0.59) + 0.14)
    return Image.fromarray((np.clip(curved, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype("uint8"))


def stars(sky: np.ndarray) -> np.ndarray:
    """Points of light, some of two by two pixels, fewer towards the ground."""
    chance = np.random.default_rng(5)
    rows, columns = sky.shape
    light = np.zeros((rows, columns, 3))
    for _ in range(260):
        y, x = int(rows * 0.6 * chance.random() ** 1.2), int(chance.integers(0, columns - 2))
        size = 2 if chance.random() < 0.35 else 1
        light[y : y + size, x : x + size] = chance.uniform(0.12, 1.1) ** 1.5 * (1 + chance.uniform(-0.15, 0.15, 3))
    return light * sky[..., None]


def smoothed(share: np.ndarray) -> np.ndarray:
    """The mean of three by three pixels, for the distance of a pixel is that of a single point in it."""
    padded = np.pad(share, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = share.shape[:2]
    return np.mean([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)


main()
sys.stdout.flush()
os._exit(0)  # the renderer's threads crash when the interpreter unloads them
