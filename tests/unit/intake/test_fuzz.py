"""Whatever bytes come, the answer is a description or a `Refusal`, and soon."""

import random
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limner.domain.refusal import Refusal
from limner.intake.image_files import ImageFiles
from unit.intake.pictures import encoded, png_chunk, scene, talkative

SEEDS = (
    *(talkative(kind) for kind in ("JPEG", "PNG", "WEBP")),
    encoded(scene(mode="CMYK"), "JPEG", progressive=True),
    encoded(scene(mode="P"), "PNG", transparency=bytes([0, 128])),
    encoded(scene(mode="I;16"), "PNG", transparency=5),
    encoded(scene(mode="RGBA"), "WEBP", lossless=True),
    encoded(scene(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0"),
    encoded(scene(), "GIF"),
    encoded(scene(), "GIF", save_all=True, append_images=[scene((48, 32)).rotate(90)]),
    encoded(scene(), "WEBP", save_all=True, append_images=[scene((48, 32)).rotate(90)]),
    encoded(scene(), "PNG", save_all=True, append_images=[scene((48, 32)).rotate(90)]),
)
MAGIC = (
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"<svg",
)
WORK_S = 5
"""Seconds of CPU for one file: what others do on the machine meanwhile is no matter."""

relaxed = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=200,
)


def judge(data: bytes, folder: Path) -> None:
    """Both blocking methods, in bounded work; anything but a `Refusal` gets out and fails the test."""
    path, image_files, started = folder / "source", ImageFiles(), time.process_time()
    path.write_bytes(data)
    with suppress(Refusal):
        image_files.inspect(path)
    with suppress(Refusal):
        image_files.normalise(path, folder / "clean")
    assert time.process_time() - started < WORK_S


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real picture with a few bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["set", "cut", "add", "copy"])):
            case "set":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "add":
                data[at:at] = draw(st.binary(max_size=20))
            case _:
                data[at:at] = data[draw(st.integers(0, len(data))) :][: draw(st.integers(0, 200))]
    return bytes(data)


def with_checksums(data: bytes) -> bytes:
    """A PNG whose checksums fit again, so that damage reaches the decoder."""
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        out.append(png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(out)


@relaxed
@given(st.sampled_from(MAGIC), st.binary(max_size=400))
def test_random_bytes(tmp_path: Path, magic: bytes, data: bytes) -> None:
    judge(magic + data, tmp_path)


@relaxed
@given(mutated())
def test_mutated_pictures(tmp_path: Path, data: bytes) -> None:
    judge(data, tmp_path)


@relaxed
@given(mutated())
def test_mutated_pngs_with_sound_checksums(tmp_path: Path, data: bytes) -> None:
    judge(with_checksums(data), tmp_path)


@relaxed
@given(st.binary(max_size=30), st.binary(max_size=900), st.binary(min_size=3, max_size=3))
def test_pngs_with_odd_palettes_and_depths(tmp_path: Path, transparency: bytes, palette: bytes, odd: bytes) -> None:
    header = (20).to_bytes(4, "big") * 2 + bytes([odd[0] % 17, odd[1] % 8, 0, 0, odd[2] % 2])
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"tRNS", transparency)]
    data = b"".join(png_chunk(*chunk) for chunk in chunks)

    judge(
        b"\x89PNG\r\n\x1a\n" + data + png_chunk(b"IDAT", zlib.compress(bytes(20 * 200))) + png_chunk(b"IEND", b""),
        tmp_path,
    )


@pytest.mark.parametrize("filler", [b"\xff\x00", b"\xff", b"\xff\xd0", b"\xff\xda\x00\x02", b"\xff\xfe\x00\x02", b"\0"])
def test_twenty_megabytes_of_one_pattern_are_judged_soon(filler: bytes, tmp_path: Path) -> None:
    jpeg = encoded(scene(), "JPEG")
    pattern = filler * (20 * 1024 * 1024 // len(filler) - len(jpeg))

    judge(jpeg[:-2] + pattern + jpeg[-2:], tmp_path)
    judge(jpeg[:2] + pattern, tmp_path)


@pytest.mark.long
def test_a_thousand_flipped_bits(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(1000):
        data = bytearray(chance.choice(SEEDS))
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        judge(bytes(data), tmp_path)


# What one process may take while it judges headers that promise all sorts of sizes, in a few hundred bytes.
PROMISES = """
import random, resource, sys
from contextlib import suppress
from pathlib import Path
from limner.domain.refusal import Refusal
from limner.intake.image_files import ImageFiles

folder = Path(sys.argv[1])
chance, door = random.Random(7), ImageFiles()
seeds = [path.read_bytes() for path in sorted(folder.glob("seed-*"))]
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for _ in range(150):
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(4, 200)  # where heads are
        data[at : at + 2] = chance.choice([b"\\xff\\xff", b"\\x27\\x10", b"\\x00\\x00", chance.randbytes(2)])
    (folder / "source").write_bytes(bytes(data))
    for judge in (door.inspect, lambda path: door.normalise(path, folder / "clean")):
        with suppress(Refusal):
            judge(folder / "source")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_heads_that_promise_all_sorts_of_sizes_take_bounded_memory(tmp_path: Path) -> None:
    for number, seed in enumerate(SEEDS):
        (tmp_path / f"seed-{number:02}").write_bytes(seed)
    done = subprocess.run([sys.executable, "-c", PROMISES, str(tmp_path)], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 2048
