import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.refusal import Code, Refusal, UnusablePicture
from limner.intake import admit
from limner.intake.image_files import ImageFiles
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected
from unit.intake.pictures import encoded, png, png_chunk, scene, talkative

Put = Callable[[bytes], Path]
KINDS = ("JPEG", "PNG", "WEBP")


def refused(intake: ImageFiles, path: Path) -> Refusal:
    with pytest.raises(Refusal) as caught:
        intake.inspect(path)
    return caught.value


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"GIF89a", True),
        (b"\0\0\0\x1cftypheic", True),
        (encoded(Image.new("1", (10_001, 10_000)), "PNG"), True),
        (b"<!doctype html><title>502</title>", False),
        (b'{"error": "busy"}', False),
        (b"garbage", False),
        (b"\x89PNG\r\n\x1a\n", False),
    ],
)
def test_a_whole_picture_that_is_not_taken_differs_from_a_broken_one(
    data: bytes,
    whole: bool,  # noqa: FBT001
    put: Put,
    intake: ImageFiles,
) -> None:
    assert isinstance(refused(intake, put(data)), UnusablePicture) is whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_picture_is_described(kind: str, put: Put, intake: ImageFiles) -> None:
    data = talkative(kind, orientation=6)

    assert intake.inspect(put(data)) == Inspected(f"image/{kind.lower()}", 48, 32, len(data))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_is_taken(mode: str, put: Put, intake: ImageFiles) -> None:
    assert intake.inspect(put(encoded(scene(mode=mode), "PNG"))).media_type == "image/png"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_every_jpeg_mode_is_taken(mode: str, progressive: bool, put: Put, intake: ImageFiles) -> None:  # noqa: FBT001
    data = encoded(scene(mode=mode), "JPEG", progressive=progressive)

    assert intake.inspect(put(data)).media_type == "image/jpeg"


def test_the_name_of_a_file_is_ignored(tmp_path: Path, intake: ImageFiles) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(scene(), "PNG"))

    assert intake.inspect(path).media_type == "image/png"


def test_an_empty_file_is_2003(put: Put, intake: ImageFiles) -> None:
    refusal = refused(intake, put(b""))

    assert refusal.code is Code.IMAGE_EMPTY
    assert "at most 20 MB" in refusal.suggestion


def test_a_file_over_20_mb_is_2022(put: Put, intake: ImageFiles) -> None:
    limit = ImageLimits().max_bytes
    padding = png_chunk(b"prVt", bytes(limit))

    refusal = refused(intake, put(png(32, 32, padding)))

    assert refusal.code is Code.IMAGE_TOO_LARGE
    assert "20 MB" in refusal.suggestion


def test_a_file_of_exactly_20_mb_is_taken(put: Put, intake: ImageFiles) -> None:
    limit = ImageLimits().max_bytes
    data = png(32, 32)
    data = png(32, 32, png_chunk(b"prVt", bytes(limit - len(data) - 12)))

    assert intake.inspect(put(data)).size == limit


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded(scene(), "GIF"), "GIF"),
        (encoded(scene(), "BMP"), "BMP"),
        (encoded(scene(), "AVIF"), "AVIF"),
        (encoded(scene(), "PNG", save_all=True, append_images=[scene().rotate(180)]), "APNG"),
        (encoded(scene(), "WEBP", save_all=True, append_images=[scene().rotate(180)]), "animated WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "SVG"),
        (b"<!doctype html><title>404</title>", "HTML"),
        (b"just words", "unknown"),
    ],
)
def test_other_formats_and_animations_are_2004_by_name(data: bytes, name: str, put: Put, intake: ImageFiles) -> None:
    refusal = refused(intake, put(data))

    assert refusal.code is Code.IMAGE_TYPE_UNSUPPORTED
    assert name in refusal.reason
    assert "JPEG, PNG or WebP" in refusal.suggestion


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.99])
def test_a_truncated_picture_is_2003(kind: str, share: float, put: Put, intake: ImageFiles) -> None:
    noisy = Image.effect_noise((200, 200), 90).convert("RGB")
    data = encoded(noisy, kind)

    assert refused(intake, put(data[: int(len(data) * share)])).code is Code.IMAGE_EMPTY


def test_even_the_last_byte_of_a_webp_counts(put: Put, intake: ImageFiles) -> None:
    data = encoded(scene(), "WEBP")

    assert refused(intake, put(data[:-1])).code is Code.IMAGE_EMPTY


NOISE = Image.effect_noise((200, 120), 90)


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"quality": 100}], ids=str)
def test_a_jpeg_without_its_end_marker_is_taken(
    missing: int, mode: str, options: dict[str, Any], put: Put, intake: ImageFiles
) -> None:
    data = encoded(NOISE.convert(mode), "JPEG", **options)

    inspected = intake.inspect(put(data[:-missing]))

    assert (inspected.width, inspected.height) == (200, 120)


@pytest.mark.parametrize("missing", [12, 40, 400, 4000])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_a_jpeg_whose_last_rows_are_missing_is_2003(
    missing: int, mode: str, options: dict[str, Any], put: Put, intake: ImageFiles
) -> None:
    data = encoded(NOISE.convert(mode), "JPEG", **options)

    assert refused(intake, put(data[:-missing])).code is Code.IMAGE_EMPTY


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_jpeg_that_ends_at_its_last_restart_marker_is_2003(kept: int, put: Put, intake: ImageFiles) -> None:
    data = encoded(NOISE, "JPEG", restart_marker_rows=1)
    last = max(data.rfind(bytes([0xFF, 0xD0 + number])) for number in range(8))

    assert refused(intake, put(data[: last + kept])).code is Code.IMAGE_EMPTY


@pytest.mark.parametrize("missing", range(1, 13))
@pytest.mark.parametrize("image", [NOISE, Image.new("L", (64, 64))], ids=["bright", "black"])
def test_a_png_without_its_end_chunk_is_taken(missing: int, image: Image.Image, put: Put, intake: ImageFiles) -> None:
    data = encoded(image, "PNG")

    assert intake.inspect(put(data[:-missing])).width == image.width


def test_a_png_without_its_end_chunk_and_its_last_rows_is_2003(put: Put, intake: ImageFiles) -> None:
    full, half = png(64, 64), png(64, 32)

    assert refused(intake, put((full[:33] + half[33:])[:-12])).code is Code.IMAGE_EMPTY


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_of_one_frame_is_a_still_picture(kind: str, put: Put, intake: ImageFiles, tmp_path: Path) -> None:
    picture = scene()
    data = one_frame_apng(picture) if kind == "PNG" else one_frame_webp(picture)
    path = put(data)

    inspected = intake.inspect(path)
    intake.normalise(path, tmp_path / "clean")

    assert (inspected.width, inspected.height) == picture.size
    with Image.open(tmp_path / "clean") as clean:
        assert clean.convert("RGB").getpixel((2, 2)) == picture.getpixel((2, 2))


def one_frame_apng(picture: Image.Image) -> bytes:
    data = encoded(picture, "PNG")
    control = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    frame = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *picture.size, 0, 0, 1, 1, 0, 0))
    return data[:33] + control + frame + data[33:]


def one_frame_webp(picture: Image.Image) -> bytes:
    still = encoded(picture, "WEBP", lossless=True)[12:]
    width, height = (side - 1 for side in picture.size)
    size = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    frame = bytes(6) + size + bytes(4) + still
    chunks = [(b"VP8X", bytes([2, 0, 0, 0]) + size), (b"ANIM", bytes(6)), (b"ANMF", frame)]
    body = b"WEBP" + b"".join(name + len(content).to_bytes(4, "little") + content for name, content in chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_a_flipped_bit_in_a_png_is_2003(put: Put, intake: ImageFiles) -> None:
    data = bytearray(encoded(Image.effect_noise((64, 64), 90), "PNG"))
    data[len(data) // 2] ^= 1

    assert "checksum" in refused(intake, put(bytes(data))).reason


def test_rows_that_are_missing_from_a_png_are_missed(put: Put, intake: ImageFiles) -> None:
    full, half = png(64, 64), png(64, 32)

    data = full[:33] + half[33:]

    assert refused(intake, put(data)).code is Code.IMAGE_EMPTY


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("missing", [1, 40])
def test_one_row_that_is_missing_is_missed_however_bright_the_others(
    mode: str, missing: int, put: Put, intake: ImageFiles
) -> None:
    bright = Image.new("RGB", (64, 64), "white").convert(mode)
    whole, short = (encoded(bright.crop((0, 0, 64, rows)), "PNG") for rows in (64, 64 - missing))

    data = whole[: whole.index(b"IHDR") + 4 + 13 + 4] + short[short.index(b"IHDR") + 4 + 13 + 4 :]

    assert intake.inspect(put(whole)).height == 64
    assert "rows are missing at its end" in refused(intake, put(data)).reason


@pytest.mark.parametrize("size", [(19, 400), (400, 19), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_side_under_20_px_is_1004(size: tuple[int, int], kind: str, put: Put, intake: ImageFiles) -> None:
    refusal = refused(intake, put(encoded(Image.new("RGB", size), kind)))

    assert refusal.code is Code.INVALID
    assert "20 px" in refusal.reason


@pytest.mark.parametrize("size", [(20, 20), (6000, 20), (10_000, 10_000)])
def test_the_limits_themselves_are_inside(size: tuple[int, int], put: Put, intake: ImageFiles) -> None:
    assert intake.inspect(put(png(*size))).width == size[0]


@pytest.mark.parametrize("size", [(10_001, 10_000), (2**31 - 1, 2**31 - 1)])
def test_more_than_100_megapixels_is_2022(size: tuple[int, int], put: Put, intake: ImageFiles) -> None:
    data = png(20, 20)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0))

    refusal = refused(intake, put(data[:8] + header + data[33:]))

    assert refusal.code is Code.IMAGE_TOO_LARGE
    assert "100 megapixels" in refusal.reason


@pytest.mark.parametrize(
    ("kind", "mark", "packing"),
    [("JPEG", b"\xff\xc0\x00\x11\x08", ">HH"), ("WEBP", b"\x9d\x01\x2a", "<HH")],
)
def test_jpeg_and_webp_bombs_are_known_by_their_header(
    kind: str, mark: bytes, packing: str, put: Put, intake: ImageFiles
) -> None:
    data = bytearray(encoded(scene(), kind))
    struct.pack_into(packing, data, data.index(mark) + len(mark), 16_383, 16_383)

    assert refused(intake, put(bytes(data))).code is Code.IMAGE_TOO_LARGE


def test_a_bomb_of_900_megapixels_costs_no_memory(put: Put) -> None:
    bomb = png(30_000, 30_000)
    code = f"""
import re
from pathlib import Path
from limner.domain.refusal import Refusal
from limner.intake.decode import normalise, verify
from limner.intake.image_files import ImageFiles
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
try:
    ImageFiles().inspect(Path({str(put(bomb))!r}))
except Refusal as refusal:
    print(refusal.code.value, peak() - before)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    number, grown_kb = done.stdout.split()
    assert int(number) == Code.IMAGE_TOO_LARGE
    assert int(grown_kb) < 8 * 1024


def test_text_bombs_are_never_unpacked(put: Put, intake: ImageFiles) -> None:
    packed = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    bombs = [png_chunk(b"zTXt", packed)] * 20
    international = png_chunk(b"iTXt", b"k\0\x01\0\0\0" + packed[9:])

    inspected = intake.inspect(put(png(32, 32, *bombs, international, after=(international,))))

    assert inspected.width == 32


def test_a_profile_bomb_is_ignored(put: Put, intake: ImageFiles) -> None:
    bomb = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(200_000_000), 9))

    assert intake.inspect(put(png(32, 32, bomb))).width == 32


def test_hostile_exif_does_not_matter(put: Put, intake: ImageFiles) -> None:
    circular = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)

    for kind in KINDS:
        data = encoded(scene(), kind, exif=b"Exif\0\0" + circular)
        assert intake.inspect(put(data)).width == 48


@pytest.mark.parametrize("count", [100_000])
def test_a_png_of_nothing_but_chunks_is_refused(count: int, put: Put, intake: ImageFiles) -> None:
    refusal = refused(intake, put(png(32, 32, png_chunk(b"prVt", b"") * count)))

    assert refusal.code is Code.IMAGE_EMPTY
    assert "chunks" in refusal.reason


def test_a_jpeg_of_a_thousand_scans_is_refused(put: Put, intake: ImageFiles) -> None:
    data = encoded(scene(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")

    refusal = refused(intake, put(data[:-2] + data[scan:-2] * 1000 + data[-2:]))

    assert "100 scans" in refusal.reason


def test_two_headers_in_one_file_are_refused(put: Put, intake: ImageFiles) -> None:
    small, large = png(32, 32), png(9000, 9000)

    assert refused(intake, put(small[:33] + large[8:])).code is Code.IMAGE_EMPTY


def test_what_a_phone_appends_to_a_jpeg_is_no_matter(put: Put, intake: ImageFiles) -> None:
    data = encoded(scene(), "JPEG")

    assert intake.inspect(put(data + data + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 50)).width == 48


def test_judging_reads_nothing_of_a_file_that_is_too_large(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(bytes(2000))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))

    with pytest.raises(Refusal, match="2000 bytes"):
        admit.admit(path, ImageLimits(max_bytes=1000))
