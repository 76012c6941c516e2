"""Broken and hostile files: they are left as they are, and cost little."""

import random
import struct
import zlib

import pytest

from limner.marking.mark import marked_bytes, marked_layout
from unit.marking.marked_files import (
    MARK,
    OTHER_XMP,
    PLAIN,
    app1,
    jpeg_segment,
    jpeg_with,
    media_type,
    opened,
    png_chunk,
    png_with,
    webp_with,
)

LONG = OTHER_XMP.replace(b"kept", b"k" * 300_000)
TWO_ENDS = OTHER_XMP + OTHER_XMP

LEFT_ALONE: dict[str, bytes] = {
    "png that is empty": b"",
    "png that is something else": b"GIF89a" + bytes(100),
    "png without pixels' end": PLAIN["png"][:-12],
    "png with a chunk past its end": png_with(struct.pack(">I4s", 0xFFFFFFFF, b"zTXt")),
    "png of chunks alone": PLAIN["png"][:33] + png_chunk(b"tEXt", b"") * 50_001,
    "png with large XMP": png_with(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LONG)),
    "png with compressed XMP": png_with(
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(OTHER_XMP))
    ),
    "png with XMP of two ends": png_with(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + TWO_ENDS)),
    "jpeg that is cut off": PLAIN["jpeg"][:30],
    "jpeg that ends at once": b"\xff\xd8\xff\xd9",
    "jpeg with a segment past its end": b"\xff\xd8\xff\xe1\xff\xff" + bytes(100),
    "jpeg with a segment of no length": b"\xff\xd8" + b"\xff\xe1\0\0" * 10_000,
    "jpeg of filler": b"\xff\xd8" + b"\xff" * 1_000_000,
    "jpeg with bytes between segments": PLAIN["jpeg"][:20] + b"\0" + PLAIN["jpeg"][20:],
    "jpeg with XMP that fills its segment": jpeg_with(app1(OTHER_XMP.replace(b"kept", b"k" * 65_000))),
    "webp that is cut off": PLAIN["webp"][:-3],
    "webp that is a header": PLAIN["webp"][:20],
    "webp of another form": PLAIN["webp"].replace(b"WEBP", b"WAVE"),
    "webp with a chunk past its end": webp_with(b"EXTR", b"")[:-4] + b"\xff\xff\xff\xff",
    "webp with large XMP": webp_with(b"XMP ", LONG),
    "webp without a picture": b"RIFF" + struct.pack("<I", 30) + b"WEBPALPH" + bytes(22),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_cannot_be_read_is_left_as_it_is(name: str) -> None:
    assert marked_bytes(media_type(name), LEFT_ALONE[name], MARK) == LEFT_ALONE[name]


def test_another_type_is_left_as_it_is() -> None:
    assert marked_bytes("image/gif", PLAIN["png"], MARK) == PLAIN["png"]


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "webp with exif"])
def test_no_damage_makes_a_readable_picture_unreadable(name: str) -> None:
    rng = random.Random(name)
    for _ in range(300):
        data = bytearray(PLAIN[name])
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        marked = marked_bytes(media_type(name), cut, MARK)
        if readable(cut):
            assert opened(marked).tobytes() == opened(cut).tobytes()


def readable(data: bytes) -> bool:
    try:
        opened(data)
    except Exception:  # noqa: BLE001 - Pillow raises many kinds
        return False
    return True


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_container_is_read_in_parts_of_bounded_size(name: str) -> None:
    """A parser asks for at most a quarter of a megabyte at a time, however large the file claims to be."""
    size, asked = 1 << 40, []
    reading = marked_layout(media_type(name), size, MARK)
    head = {"png": PLAIN["png"][:33], "jpeg": PLAIN["jpeg"][:20], "webp": PLAIN["webp"][:30]}[name]
    try:
        start, end = next(reading)
        while True:
            asked.append(end - start)
            start, end = reading.send((head if start == 0 else b"").ljust(end - start, b"\0"))
    except StopIteration:
        pass

    assert asked
    assert max(asked) <= 256 * 1024


def test_segments_that_are_no_metadata_are_passed_over() -> None:
    data = jpeg_with(jpeg_segment(0xEB, b"JP" + bytes(50)) + jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)))

    assert marked_bytes("image/jpeg", data, MARK) != data
