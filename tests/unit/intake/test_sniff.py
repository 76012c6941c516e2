import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.intake.sniff import Kind, sniff
from unit.intake.pictures import encoded, scene


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", Kind.JPEG),
        ("PNG", Kind.PNG),
        ("WEBP", Kind.WEBP),
        ("GIF", Kind.GIF),
        ("BMP", Kind.BMP),
        ("TIFF", Kind.TIFF),
        ("ICO", Kind.ICO),
        ("AVIF", Kind.AVIF),
        ("PDF", Kind.PDF),
        ("JPEG2000", Kind.JPEG_2000),
        ("EPS", Kind.POSTSCRIPT),
    ],
)
def test_a_format_is_known_by_its_bytes(kind: str, expected: Kind) -> None:
    assert sniff(encoded(scene(), kind)) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Kind.SVG),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><!-- drawn --><svg width='1'>", Kind.SVG),
        (b"<?xml version='1.0'?><svg:svg xmlns:svg='x'>", Kind.SVG),
        ("\ufeff<?xml version='1.0'?><svg >".encode("utf-16-le"), Kind.SVG),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", Kind.XML),
        (b"\n<!DOCTYPE html><html>", Kind.HTML),
        (b"<!-- x --><html>", Kind.HTML),
        (b'{"error": "not found"}', Kind.JSON),
        (b"data:image/png;base64,iVBORw0KGgo=", Kind.BASE64),
        (b"/9j/4AAQSkZJRg==", Kind.BASE64),
        (b"\0\0\0\x18ftypheic\0\0\0\0", Kind.HEIC),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", Kind.VIDEO),
        (b"RIFF\0\0\0\0AVI LIST", Kind.VIDEO),
        (b"\xff\x0a\xfa\x7f", Kind.JPEG_XL),
        (b"8BPS\0\x01", Kind.PSD),
        (gzip.compress(b"<svg/>"), Kind.ARCHIVE),
        (b"RIFF", Kind.UNKNOWN),
        (b"", Kind.UNKNOWN),
        (b"\xff\xd8", Kind.UNKNOWN),
    ],
)
def test_what_is_refused_is_called_by_its_name(data: bytes, expected: Kind) -> None:
    assert sniff(data) is expected


@given(st.binary(max_size=5000))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert sniff(data) in Kind
