"""Thumbnails: small whatever the picture is, upright, and never larger than it."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from limner.domain.refusal import Refusal
from limner.domain.thumbnail import SIDES
from limner.intake.decode.thumbnail import MOST_BYTES
from limner.intake.image_files import ImageFiles
from limner.intake.limits import ImageLimits

LIMITS = ImageLimits(min_side=1)


def thumbnail(source: Path, side: int) -> Image.Image:
    target = source.with_suffix(".thumbnail")
    made = ImageFiles(replace(LIMITS, longest_side=side)).thumbnail(source, target)
    assert made.size == target.stat().st_size <= MOST_BYTES
    opened = Image.open(target)
    opened.load()
    return opened


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_even_noise_is_small(tmp_path: Path, kind: str, side: int) -> None:
    source = tmp_path / "noise"
    Image.effect_noise((700, 500), 90).convert("RGB").save(source, kind)

    small = thumbnail(source, side)

    assert max(small.size) <= side
    assert small.format == "WEBP"


def test_transparency_stays(tmp_path: Path) -> None:
    source = tmp_path / "glass"
    Image.new("RGBA", (400, 300), (255, 0, 0, 100)).save(source, "PNG")

    assert thumbnail(source, 96).getextrema()[3] == (100, 100)  # type: ignore[index]


def test_a_turned_photo_is_upright_and_has_no_metadata(tmp_path: Path) -> None:
    source = tmp_path / "photo"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(source, "JPEG", exif=exif)

    small = thumbnail(source, 96)

    assert small.size == (48, 96)
    assert not small.getexif()


def test_a_small_picture_keeps_its_size(tmp_path: Path) -> None:
    source = tmp_path / "dot"
    Image.new("RGB", (3, 2)).save(source, "PNG")

    assert thumbnail(source, 320).size == (3, 2)


def test_a_broken_picture_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "broken", tmp_path / "small"
    Image.effect_noise((300, 300), 90).save(source, "PNG")
    source.write_bytes(source.read_bytes()[:20_000])

    with pytest.raises(Refusal):
        ImageFiles(LIMITS).thumbnail(source, target)
    assert not target.exists()
