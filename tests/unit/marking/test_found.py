"""What files say of themselves, and what they were before our mark."""

import io
import zlib
from typing import Any

import pytest
from PIL import Image

from limner.domain.digital_source import DigitalSource
from limner.marking.found import FoundMarks, before_mark, found_marks
from limner.marking.mark import marked_bytes
from limner.marking.xmp import Mark

MARK = Mark(DigitalSource.GENERATED_FROM_PICTURES, "bfl flux-2-pro & more")
FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("JPEG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
]


def picture(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((37, 20), 80).convert("RGB").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_a_marked_copy_says_what_made_it_and_leads_back_to_the_file(kind: str, options: dict[str, Any]) -> None:
    original, media_type = picture(kind, **options), f"image/{kind.lower()}"
    marked = marked_bytes(media_type, original, MARK)

    assert found_marks(marked) == FoundMarks(
        "compositeWithTrainedAlgorithmicMedia", "Limner, bfl flux-2-pro & more", has_manifest=False
    )
    assert original in list(before_mark(media_type, marked))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_file_without_marks_says_nothing(kind: str) -> None:
    data = picture(kind)

    assert found_marks(data) == FoundMarks(None, None, has_manifest=False)
    assert list(before_mark(f"image/{kind.lower()}", data)) == []


def test_another_program_s_xmp_is_read_and_left() -> None:
    packet = (
        b'<?xpacket begin="\xef\xbb\xbf" id="x"?><x:xmpmeta><rdf:RDF><rdf:Description>'
        b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalArt"
        b'</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )
    data = picture("WEBP", xmp=packet)

    assert found_marks(data).source == "digitalArt"
    assert list(before_mark("image/webp", data)) == []


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_packet_outside_of_any_container_is_no_mark_of_ours(kind: str) -> None:
    """A forged packet leads to nothing that could be found: bytes without a hash of ours."""
    forged = MARK.packet()

    assert all(len(each) < len(forged) + 100 for each in before_mark(f"image/{kind}", forged))


def test_a_manifest_is_seen_by_its_description() -> None:
    box = b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0"

    assert found_marks(picture("PNG") + box).has_manifest
    assert not found_marks(b"jumd c2pa").has_manifest


def test_files_that_are_full_of_beginnings_are_read_once() -> None:
    """Each of these took a search of its own for every beginning: half a minute for a file of 20 MB."""
    begins = b'<?xpacket begin="\xef\xbb\xbf"' * 700_000
    tools = b'CreatorTool="Limner' * 700_000
    sources = b"Iptc4xmpExt:DigitalSourceType=" * 500_000

    assert [list(before_mark("image/png", each)) for each in (begins, tools, sources, begins + tools)] == [[]] * 4
    assert found_marks(sources) == FoundMarks(None, None, has_manifest=False)


def test_entities_and_compressed_xmp_are_not_expanded() -> None:
    entities = b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (level + 1, level, level) for level in range(60))
    bomb = b'<!DOCTYPE x [<!ENTITY a0 "a">' + entities + b']><x Iptc4xmpExt:DigitalSourceType="&a60;"/>'

    assert found_marks(bomb).source is None
    assert found_marks(zlib.compress(b"a" * 50_000_000)) == FoundMarks(None, None, has_manifest=False)
