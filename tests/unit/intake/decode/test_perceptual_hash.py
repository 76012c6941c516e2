"""What a picture looks like, and by which hashes it is found again."""

import io
import random

import pytest
from PIL import Image, ImageDraw

from limner.domain.perceptual_hash import HASH_BYTES, are_alike, bands, probes
from limner.intake.decode.perceptual_hash import perceptual_hash_of


def picture(seed: int, mode: str = "RGB") -> Image.Image:
    rng = random.Random(seed)
    made = Image.new("RGB", (320, 240), tuple(rng.choices(range(256), k=3)))
    draw = ImageDraw.Draw(made)
    for _ in range(8):
        left, top = rng.randrange(260), rng.randrange(180)
        draw.ellipse((left, top, left + rng.randrange(20, 120), top + 60), fill=tuple(rng.choices(range(256), k=3)))
    return made.convert(mode)


def saved(made: Image.Image, kind: str, **options: object) -> Image.Image:
    out = io.BytesIO()
    made.save(out, kind, **options)
    return Image.open(out)


def is_found(phash: bytes, among: bytes) -> bool:
    found = bands(among)
    agree = any(band in values for band, values in zip(found or (), probes(phash), strict=False))
    return agree and are_alike(phash, among)


@pytest.mark.parametrize("seed", range(10))
def test_a_picture_is_found_after_it_was_scaled_and_encoded_anew(seed: int) -> None:
    made = picture(seed)
    phash = perceptual_hash_of(made)

    assert len(phash) == HASH_BYTES
    assert is_found(perceptual_hash_of(saved(made, "JPEG", quality=60)), phash)
    assert is_found(perceptual_hash_of(saved(made.resize((160, 120)), "WEBP", quality=80)), phash)
    assert is_found(perceptual_hash_of(made.resize((640, 480))), phash)


def test_other_pictures_are_not() -> None:
    hashes = [perceptual_hash_of(picture(seed)) for seed in range(60)]

    assert not [(a, b) for a in range(60) for b in range(a) if is_found(hashes[a], hashes[b])]


def test_the_same_drawing_in_other_colours_is_another_picture() -> None:
    made = picture(1)
    blue, green, red = made.split()

    assert not are_alike(perceptual_hash_of(made), perceptual_hash_of(Image.merge("RGB", (red, blue, green))))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixels_has_a_look(mode: str) -> None:
    made = Image.effect_noise((64, 64), 50).convert("I;16") if mode == "I;16" else picture(3, mode)

    assert len(perceptual_hash_of(made)) == HASH_BYTES


def test_transparent_places_count_as_white() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))

    assert perceptual_hash_of(clear) == perceptual_hash_of(Image.new("RGB", (40, 40), "white"))


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (17, 15), (2049, 2047)])
def test_every_size_has_a_look(size: tuple[int, int]) -> None:
    assert len(perceptual_hash_of(Image.new("RGB", size, "teal"))) == HASH_BYTES


@pytest.mark.parametrize("colour", ["white", "black", "teal"])
def test_a_flat_picture_is_not_recognised_by_its_look(colour: str) -> None:
    assert bands(perceptual_hash_of(Image.new("RGB", (64, 64), colour))) is None
