from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from limner.domain.refusal import Code, Refusal
from limner.intake.image_files import ImageFiles
from limner.intake.limits import ImageLimits
from limner.ports.intake import Normalised
from unit.intake.pictures import (
    SECRETS,
    XMP,
    colours,
    encoded,
    jpeg_markers,
    png_chunks,
    scene,
    talkative,
)

Put = Callable[[bytes], Path]
KINDS = ("JPEG", "PNG", "WEBP")

# How a picture that is upright must be stored so that a reader who obeys the tag sees it upright.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture
def clean(put: Put, tmp_path: Path, intake: ImageFiles) -> Callable[[bytes], tuple[Normalised, bytes]]:
    def work(data: bytes) -> tuple[Normalised, bytes]:
        result = intake.normalise(put(data), tmp_path / "clean")
        return result, (tmp_path / "clean").read_bytes()

    return work


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


@pytest.mark.parametrize("kind", KINDS)
def test_the_sources_really_carry_what_must_go(kind: str) -> None:
    data = talkative(kind)

    wanted = [b"secret", b"http://ns.adobe.com"] + [b"8BIM", b"Exif", b"ICC_PROFILE"] * (kind == "JPEG")
    assert all(secret in data for secret in wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_no_metadata_survives(kind: str, clean: Callable[[bytes], tuple[Normalised, bytes]]) -> None:
    result, data = clean(talkative(kind, orientation=6))

    assert [secret for secret in SECRETS if secret in data] == []
    if result.media_type == "image/jpeg":
        # JFIF's own segment, tables, the frame: no APP1 to APP15 (E1 to EF), no comment (FE).
        assert set(jpeg_markers(data)) == {0xE0, 0xDB, 0xC0, 0xC4}
    else:
        assert set(png_chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_no_metadata_survives_in_pictures_with_alpha(
    kind: str, clean: Callable[[bytes], tuple[Normalised, bytes]]
) -> None:
    image = scene(mode="RGBA")
    image.putalpha(120)

    result, data = clean(talkative(kind, image))

    assert result.media_type == "image/png"
    assert [secret for secret in SECRETS if secret in data] == []
    assert set(png_chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_ends_upright(
    kind: str, orientation: int, put: Put, tmp_path: Path, intake: ImageFiles
) -> None:
    upright, method = scene((96, 64)), STORED[orientation]
    stored = upright.transpose(method) if method is not None else upright

    result = intake.normalise(put(talkative(kind, stored, orientation)), tmp_path / "clean")

    assert (result.width, result.height) == (96, 64)
    assert colours(opened(tmp_path / "clean")) == ["red", "lime", "blue", "yellow"]


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (encoded(scene(), "JPEG"), "image/jpeg"),
        (encoded(scene(), "PNG"), "image/png"),
        (encoded(scene(), "WEBP"), "image/jpeg"),
        (encoded(scene(), "WEBP", lossless=True), "image/png"),
        (encoded(scene(mode="L"), "JPEG"), "image/jpeg"),
        (encoded(scene(mode="CMYK"), "JPEG"), "image/jpeg"),
    ],
)
def test_lossy_stays_jpeg_and_lossless_becomes_png(
    data: bytes, media_type: str, clean: Callable[[bytes], tuple[Normalised, bytes]]
) -> None:
    result, written = clean(data)

    assert result == Normalised(media_type, 48, 32, len(written))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_opaque_modes_become_rgb(mode: str, put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    intake.normalise(put(encoded(scene(mode=mode), "PNG")), tmp_path / "clean")

    assert opened(tmp_path / "clean").mode == "RGB"


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene(mode="LA"), "PNG"),
        encoded(scene(mode="RGBA"), "PNG"),
        encoded(scene(), "PNG", transparency=(255, 0, 0)),
        encoded(scene(mode="L"), "PNG", transparency=76),
        encoded(scene(mode="P"), "PNG", transparency=bytes([0, 128])),
    ],
)
def test_transparent_modes_become_rgba(data: bytes, put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    intake.normalise(put(data), tmp_path / "clean")

    assert opened(tmp_path / "clean").mode == "RGBA"


def test_transparency_keeps_its_place(put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    intake.normalise(put(encoded(scene(), "PNG", transparency=(255, 0, 0))), tmp_path / "clean")

    alpha = opened(tmp_path / "clean").getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((47, 31))) == (0, 255)


def test_lossless_pixels_are_kept_exactly(put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    noise = Image.merge("RGBA", [Image.effect_noise((70, 50), 90) for _ in range(4)])

    intake.normalise(put(encoded(noise, "PNG")), tmp_path / "clean")

    assert opened(tmp_path / "clean").tobytes() == noise.tobytes()


def test_sixteen_bits_are_scaled_and_not_clipped(put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    grey = Image.new("I;16", (32, 32), 30_000)

    intake.normalise(put(encoded(grey, "PNG")), tmp_path / "clean")

    assert opened(tmp_path / "clean").getpixel((9, 9)) in {(116,) * 3, (117,) * 3}


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("PNG", (2048, 100), (2048, 100)),
        ("PNG", (3000, 1500), (2048, 1024)),
        ("JPEG", (1500, 3000), (1024, 2048)),
        ("JPEG", (9000, 4500), (2048, 1024)),
        ("WEBP", (5000, 2500), (2048, 1024)),
        ("PNG", (20_000, 20), (2048, 2)),
    ],
)
def test_long_sides_are_scaled_down(
    kind: str, size: tuple[int, int], expected: tuple[int, int], put: Put, tmp_path: Path
) -> None:
    result = ImageFiles().normalise(put(encoded(scene(size), kind)), tmp_path / "clean")

    assert (result.width, result.height) == expected == opened(tmp_path / "clean").size
    assert colours(opened(tmp_path / "clean")) == ["red", "lime", "blue", "yellow"]


def test_the_longest_side_is_a_setting(put: Put, tmp_path: Path) -> None:
    small = ImageFiles(limits=ImageLimits(longest_side=24))

    result = small.normalise(put(encoded(scene(), "PNG")), tmp_path / "clean")

    assert (result.width, result.height) == (24, 16)


def test_transparent_pixels_do_not_colour_adjacent_ones(put: Put, tmp_path: Path) -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 31, 64))

    ImageFiles(limits=ImageLimits(longest_side=20)).normalise(put(encoded(image, "PNG")), tmp_path / "clean")

    pixels = opened(tmp_path / "clean").get_flattened_data()
    assert all(green < 12 for _, green, _, alpha in pixels if alpha > 40)


def test_jpegs_are_written_without_subsampling(put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    intake.normalise(put(encoded(scene(), "JPEG", subsampling=2)), tmp_path / "clean")

    with Image.open(tmp_path / "clean") as image:
        assert {(vertical, horizontal) for _, vertical, horizontal, _ in image.layer} == {(1, 1)}


def test_a_refused_picture_leaves_no_file(put: Put, tmp_path: Path, intake: ImageFiles) -> None:
    with pytest.raises(Refusal) as caught:
        intake.normalise(put(encoded(scene(), "PNG")[:-20]), tmp_path / "clean")

    assert caught.value.code is Code.IMAGE_EMPTY
    assert not (tmp_path / "clean").exists()


def test_a_write_that_fails_leaves_no_file(
    put: Put, tmp_path: Path, intake: ImageFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(encoded(scene(), "PNG"))
    monkeypatch.setattr(Image.Image, "save", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        intake.normalise(source, tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_xmp_alone_goes_too(clean: Callable[[bytes], tuple[Normalised, bytes]]) -> None:
    _, data = clean(encoded(scene(), "JPEG", xmp=XMP))

    assert b"adobe" not in data
