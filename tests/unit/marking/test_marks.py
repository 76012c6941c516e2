"""A mark in each container, read by other libraries: what it says, and that the pixels stay."""

from collections.abc import Iterator
from io import BytesIO
from xml.sax.saxutils import escape

import pytest
from PIL import Image

from limner.domain.digital_source import DigitalSource, digital_source
from limner.marking.layout import Layout, MarkState
from limner.marking.mark import marked_bytes, marked_layout
from limner.marking.xmp import Mark
from unit.marking.marked_files import (
    IPTC,
    MARK,
    OTHER_XMP,
    PLAIN,
    XMP,
    app1,
    itxt,
    jpeg_segment,
    jpeg_with,
    media_type,
    opened,
    png_chunk,
    png_with,
    properties,
    webp_with,
)

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE = OTHER_XMP.replace(b'dc:format="kept"', b'dc:DigitalSourceType="somebody\'s"')
REMOTE = OTHER_XMP.replace(
    b'dc:format="kept"', b'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://x"'
)
JUMBF = b"JP\0\x01\0\0\0\x01\0\0\x01\0jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\x008\x9bq\x03c2pa\0"

VENDORS: dict[str, bytes] = {
    "png with a manifest": png_with(png_chunk(b"caBX", b"jumb")),
    "png with a manifest at its end": png_with(png_chunk(b"caBX", b"jumb"), at_end=True),
    "png with a source type": png_with(itxt(SOURCE)),
    "png with a source type at its end": png_with(itxt(SOURCE), at_end=True),
    "png with a manifest elsewhere": png_with(itxt(REMOTE)),
    "jpeg with a manifest": jpeg_with(jpeg_segment(0xEB, JUMBF)),
    "jpeg with a source type": jpeg_with(app1(SOURCE)),
    "jpeg with a source type in its second part": jpeg_with(
        app1(OTHER_XMP) + jpeg_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SOURCE)
    ),
    "webp with a manifest": webp_with(b"C2PA", b"jumb"),
    "webp with a source type": webp_with(b"XMP ", SOURCE),
}

OTHER: dict[str, bytes] = {
    "png": png_with(itxt(OTHER_XMP)),
    "png, at its end": png_with(itxt(OTHER_XMP), at_end=True),
    "jpeg": jpeg_with(app1(OTHER_XMP)),
    "webp": webp_with(b"XMP ", OTHER_XMP),
}


def layout(name: str, data: bytes) -> Layout:
    reading = marked_layout(media_type(name), len(data), MARK)
    try:
        start, end = next(reading)
        while True:
            start, end = reading.send(data[start:end])
    except StopIteration as finished:
        found: Layout = finished.value
        return found


@pytest.mark.parametrize("name", PLAIN)
def test_a_marked_picture_says_how_it_was_made(name: str) -> None:
    found = properties(marked_bytes(media_type(name), PLAIN[name], MARK))

    assert found[f"{IPTC}DigitalSourceType"] == VOCABULARY + "trainedAlgorithmicMedia"
    assert found[f"{IPTC}AISystemUsed"] == "openai gpt-image-2"
    assert found[f"{XMP}CreatorTool"] == "Limner, openai gpt-image-2"


@pytest.mark.parametrize("name", PLAIN)
def test_the_pixels_and_all_other_metadata_stay(name: str) -> None:
    before, after = opened(PLAIN[name]), opened(marked_bytes(media_type(name), PLAIN[name], MARK))

    assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)
    assert after.tobytes() == before.tobytes()
    assert after.getexif() == before.getexif()
    assert after.info.get("jfif") == before.info.get("jfif")


@pytest.mark.parametrize("name", PLAIN)
def test_a_marked_picture_is_not_marked_again(name: str) -> None:
    once = marked_bytes(media_type(name), PLAIN[name], MARK)

    assert layout(name, once).state is MarkState.VENDOR
    assert marked_bytes(media_type(name), once, MARK) == once


@pytest.mark.parametrize("name", VENDORS)
def test_a_picture_with_its_vendors_own_mark_is_not_altered(name: str) -> None:
    assert layout(name, VENDORS[name]) == Layout(len(VENDORS[name]), MarkState.VENDOR)


@pytest.mark.parametrize("name", OTHER)
def test_other_xmp_stays_beside_the_mark(name: str) -> None:
    marked = marked_bytes(media_type(name), OTHER[name], MARK)

    assert properties(marked)["{http://purl.org/dc/elements/1.1/}format"] == "kept"
    assert properties(marked)[f"{IPTC}DigitalSourceType"] == VOCABULARY + "trainedAlgorithmicMedia"
    assert opened(marked).tobytes() == opened(OTHER[name]).tobytes()


@pytest.mark.parametrize("name", OTHER)
def test_another_programs_name_stays_the_creator(name: str) -> None:
    named = OTHER_XMP.replace(b'dc:format="kept"', b'xmlns:p="http://ns.adobe.com/xap/1.0/" p:CreatorTool="Another"')
    data = {"png": png_with(itxt(named)), "jpeg": jpeg_with(app1(named)), "webp": webp_with(b"XMP ", named)}
    marked = marked_bytes(media_type(name), data[media_type(name)[6:]], MARK)

    assert properties(marked)[f"{XMP}CreatorTool"] == "Another"


def test_the_jfif_and_exif_segments_stay_first() -> None:
    data = marked_bytes("image/jpeg", PLAIN["jpeg with exif"], MARK)

    assert data[2:4] == PLAIN["jpeg with exif"][2:4]
    assert data.index(b"http://ns.adobe.com/xap/1.0/\0") > data.index(b"Exif\0\0" if b"Exif\0\0" in data else b"JFIF")


def test_an_animated_webp_keeps_its_frames() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    buffer = BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    marked = opened(marked_bytes("image/webp", buffer.getvalue(), MARK))

    assert getattr(marked, "n_frames", 1) == 2


HOSTILE = "a\"b<c>&'d\u0000\u001b\ud800\U0001f600" + "e" * 10_000


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_generators_name_cannot_break_the_packet(name: str) -> None:
    mark = Mark(DigitalSource.GENERATED, HOSTILE)
    found = properties(marked_bytes(media_type(name), PLAIN[name], mark))

    assert found[f"{IPTC}AISystemUsed"].startswith("a\"b<c>&'d\U0001f600eee")
    assert len(found[f"{IPTC}AISystemUsed"]) == 200
    assert escape("<c>") not in found[f"{IPTC}AISystemUsed"]


@pytest.mark.parametrize(
    ("generative", "references", "source"),
    [
        (True, False, DigitalSource.GENERATED),
        (True, True, DigitalSource.GENERATED_FROM_PICTURES),
        (False, False, DigitalSource.DRAWN),
        (False, True, DigitalSource.COMPOSED),
    ],
)
def test_the_source_is_what_really_ran(*, generative: bool, references: bool, source: DigitalSource) -> None:
    assert digital_source({"provider": "x", "generative": generative}, references=references) is source


def test_a_provider_that_does_not_say_counts_as_a_model() -> None:
    assert digital_source(None, references=False) is DigitalSource.GENERATED


@pytest.mark.parametrize("source", [DigitalSource.DRAWN, DigitalSource.COMPOSED])
def test_what_no_model_made_names_no_ai_system(source: DigitalSource) -> None:
    found = properties(marked_bytes("image/png", PLAIN["png"], Mark(source, "builtin")))

    assert found[f"{IPTC}DigitalSourceType"] == VOCABULARY + source
    assert f"{IPTC}AISystemUsed" not in found


def spans(size: int) -> Iterator[tuple[int, int]]:
    edges = sorted({0, 1, 7, 33, 40, size // 2, size - 12, size - 1, size})
    return ((start, end) for start in edges for end in edges if start <= end)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "webp with exif"])
def test_any_range_of_a_layout_is_that_range_of_the_copy(name: str) -> None:
    data, whole, made = PLAIN[name], marked_bytes(media_type(name), PLAIN[name], MARK), layout(name, PLAIN[name])

    assert made.size == len(whole)
    for start, end in spans(made.size):
        pieces = made.pieces(start, end)
        got = b"".join(piece if isinstance(piece, bytes) else data[slice(*piece)] for piece in pieces)
        assert got == whole[start:end]


def test_the_digest_names_the_change() -> None:
    other = marked_layout("image/png", len(PLAIN["png"]), Mark(DigitalSource.DRAWN, "x"))
    next(other)
    with pytest.raises(StopIteration) as finished:
        other.send(PLAIN["png"])

    assert layout("png", PLAIN["png"]).digest == layout("png", PLAIN["png"]).digest != finished.value.value.digest
    assert Layout(10, MarkState.NONE).digest == ""
