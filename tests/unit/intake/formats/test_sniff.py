import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.intake.formats.sniff import ImageKind, sniff
from unit.intake.pictures import encoded, scene


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", ImageKind.JPEG),
        ("PNG", ImageKind.PNG),
        ("WEBP", ImageKind.WEBP),
        ("GIF", ImageKind.GIF),
        ("BMP", ImageKind.BMP),
        ("TIFF", ImageKind.TIFF),
        ("ICO", ImageKind.ICO),
        ("AVIF", ImageKind.AVIF),
        ("PDF", ImageKind.PDF),
        ("JPEG2000", ImageKind.JPEG_2000),
        ("EPS", ImageKind.POSTSCRIPT),
    ],
)
def test_a_format_is_known_by_its_bytes(kind: str, expected: ImageKind) -> None:
    assert sniff(encoded(scene(), kind)) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ImageKind.SVG),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><!-- drawn --><svg width='1'>", ImageKind.SVG),
        (b"<?xml version='1.0'?><svg:svg xmlns:svg='x'>", ImageKind.SVG),
        ("\ufeff<?xml version='1.0'?><svg >".encode("utf-16-le"), ImageKind.SVG),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ImageKind.XML),
        (b"\n<!DOCTYPE html><html>", ImageKind.HTML),
        (b"<!-- x --><html>", ImageKind.HTML),
        (b'{"error": "not found"}', ImageKind.JSON),
        (b"data:image/png;base64,iVBORw0KGgo=", ImageKind.BASE64),
        (b"/9j/4AAQSkZJRg==", ImageKind.BASE64),
        (b"\0\0\0\x18ftypheic\0\0\0\0", ImageKind.HEIC),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", ImageKind.VIDEO),
        (b"RIFF\0\0\0\0AVI LIST", ImageKind.VIDEO),
        (b"\xff\x0a\xfa\x7f", ImageKind.JPEG_XL),
        (b"8BPS\0\x01", ImageKind.PSD),
        (gzip.compress(b"<svg/>"), ImageKind.ARCHIVE),
        (b"RIFF", ImageKind.UNKNOWN),
        (b"", ImageKind.UNKNOWN),
        (b"\xff\xd8", ImageKind.UNKNOWN),
    ],
)
def test_what_is_refused_is_called_by_its_name(data: bytes, expected: ImageKind) -> None:
    assert sniff(data) is expected


@given(st.binary(max_size=5000))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert sniff(data) in ImageKind
