"""Measure how well pictures are recognised by perceptual hashes: false matches among unrelated ones, and what is found again.

`--engine N` pictures are composed by the built-in engine from as many texts, the pictures of this repository are cut
into tiles, and the others are synthetic: fields of noise as soft as photographs, shapes, gradients, pages of text.
Every picture is looked up among all others; then each is changed in several ways and looked up again. The figures are
in docs/marks.md.
"""

import argparse
import io
import itertools
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from limner.domain.perceptual_hash import are_alike, bands, probes
from limner.intake.decode.perceptual_hash import perceptual_hash_of
from limner_builtin.engine import Engine, EngineRequest

ROOT = Path(__file__).parents[1]
THINGS = [
    "cat",
    "dog",
    "fox",
    "horse",
    "giraffe",
    "knight",
    "car",
    "boat",
    "lighthouse",
    "tree",
    "barn",
    "astronaut",
    "rocket",
    "dragon",
    "owl",
    "cake",
    "bicycle",
    "guitar",
    "castle",
    "robot",
    "elephant",
    "penguin",
    "train",
    "bus",
    "flower",
    "mushroom",
    "sword",
    "crown",
    "chair",
    "table",
]
PLACES = [
    "in a snowy forest",
    "on the beach",
    "on the moon",
    "in the mountains",
    "in a city at night",
    "in a desert",
    "on a lake",
    "at sunset",
]


def encoded(picture: Image.Image, kind: str, **options: object) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return Image.open(out).convert("RGB")


def scaled(picture: Image.Image, by: float) -> Image.Image:
    size = (max(24, round(picture.width * by)), max(24, round(picture.height * by)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def trimmed(picture: Image.Image, share: float) -> Image.Image:
    left, top = round(picture.width * share / 2), round(picture.height * share / 2)
    return picture.crop((left, top, picture.width - left, picture.height - top))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved as JPEG, quality 85": lambda picture: encoded(picture, "JPEG", quality=85),
    "saved as JPEG, quality 40": lambda picture: encoded(picture, "JPEG", quality=40),
    "saved as WebP, quality 60": lambda picture: encoded(picture, "WEBP", quality=60),
    "scaled to a half": lambda picture: scaled(picture, 0.5),
    "scaled to a quarter, JPEG 70": lambda picture: encoded(scaled(picture, 0.25), "JPEG", quality=70),
    "enlarged to 150 %": lambda picture: scaled(picture, 1.5),
    "sharpened": lambda picture: picture.filter(ImageFilter.SHARPEN),
    "10 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    "1 % cut off": lambda picture: trimmed(picture, 0.01),
    "3 % cut off": lambda picture: trimmed(picture, 0.03),
    "10 % cut off": lambda picture: trimmed(picture, 0.1),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def of_engine(many: int) -> Iterator[Image.Image]:
    engine, texts = Engine(), list(itertools.product(("a", "two"), THINGS, PLACES))
    random.Random(1).shuffle(texts)
    for seed, words in enumerate(texts[:many]):
        brief = EngineRequest(" ".join(words), None, False, False, (), 0, "1:1", seed, size=(256, 256))
        yield Image.open(io.BytesIO(engine.render(brief, lambda _: None).data)).convert("RGB")


def of_repository(side: int = 160) -> Iterator[Image.Image]:
    """Whole pictures, and tiles of the large ones that do not overlap; none that is there twice, and no screenshots."""
    folders = ("packages/limner-builtin/tests/goldens", "src/limner/studio/assets")
    for path in sorted(each for folder in folders for each in (ROOT / folder).glob("*.webp")):
        if path.name.startswith("before-"):
            continue
        picture = Image.open(path).convert("RGB")
        yield picture
        for left in range(0, picture.width - side, side):
            for top in range(0, picture.height - side, side):
                yield picture.crop((left, top, left + side, top + side))


def synthetic(many: int) -> Iterator[Image.Image]:
    for number in range(many):
        yield (_soft_noise, _shapes, _gradient, _page)[number % 4](np.random.default_rng(number))


def _soft_noise(rng: np.random.Generator) -> Image.Image:
    """Noise whose strength falls with the frequency, as in photographs."""
    side = 192
    across, down = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))
    falling = 1 / np.maximum(np.hypot(across, down), 1 / side) ** rng.uniform(1.2, 2.0)
    planes = []
    for _ in range(3):
        plane = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * falling).real
        planes.append((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8))
    return Image.fromarray(np.stack(planes, -1))


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(each) for each in rng.integers(0, 256, 3))


def _shapes(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (192, 192), _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 7))):
        left, right = sorted(int(each) for each in rng.integers(0, 192, 2))
        top, bottom = sorted(int(each) for each in rng.integers(0, 192, 2))
        form = draw.ellipse if rng.integers(2) else draw.rectangle
        form((left, top, right + 4, bottom + 4), fill=_colour(rng))
    return picture


def _gradient(rng: np.random.Generator) -> Image.Image:
    sides = rng.integers(0, 256, (int(rng.integers(2, 4)), int(rng.integers(2, 4)), 3)).astype(np.uint8)
    return Image.fromarray(sides).resize((192, 192), Image.Resampling.BICUBIC)


def _page(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (200, 260), "white")
    draw = ImageDraw.Draw(picture)
    for line in range(14, 240, 12):
        if rng.random() < 0.15:
            continue
        text = " ".join("x" * int(each) for each in rng.integers(1, 9, int(rng.integers(1, 7))))
        draw.text((12, line), text, fill="black")
    return picture


class Index:
    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.places: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(4)]

    def add(self, phash: bytes) -> bool:
        found = bands(phash)
        self.hashes.append(phash)
        for band, places in zip(found or (), self.places, strict=False):
            places[band].append(len(self.hashes) - 1)
        return found is not None

    def candidates(self, phash: bytes) -> set[int]:
        tried = zip(probes(phash), self.places, strict=True)
        return {each for values, places in tried for value in values for each in places.get(value, ())}

    def find(self, phash: bytes) -> list[int]:
        return [each for each in self.candidates(phash) if are_alike(phash, self.hashes[each])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", type=int, default=400)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--changed", type=int, default=1000, help="how many are changed and looked up again")
    asked = parser.parse_args()
    pictures = [*of_engine(asked.engine), *of_repository()][: asked.pictures]
    drawn = len(pictures)
    pictures += synthetic(asked.pictures - drawn)
    index, flat = Index(), 0
    for picture in pictures:
        flat += not index.add(perceptual_hash_of(picture))
    print(
        f"{len(pictures)} pictures: {asked.engine} of the engine, {drawn - asked.engine} of the repository, {flat} flat"
    )
    pairs, tried, began = [], 0, time.process_time()
    for number, phash in enumerate(index.hashes):
        if bands(phash) is None:
            continue
        tried += len(index.candidates(phash))
        pairs += [(number, other) for other in index.find(phash) if other > number]
    spent = (time.process_time() - began) * 1000 / len(pictures)
    print(
        f"{len(pairs)} pairs of unrelated pictures match; {tried / len(pictures):.0f} candidates, {spent:.1f} ms each"
    )
    for one, other in pairs[:20]:
        print(f"  {one} {other}", file=sys.stderr)
    chosen = random.Random(2).sample([n for n, phash in enumerate(index.hashes) if bands(phash)], asked.changed)
    for name, change in CHANGES.items():
        found = [number in index.find(perceptual_hash_of(change(pictures[number]))) for number in chosen]
        print(f"{name}: {100 * sum(found) / len(found):.1f} % found again")


if __name__ == "__main__":
    main()
