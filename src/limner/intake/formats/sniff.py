"""Detects a file's format from its first bytes; names and declared types are ignored."""

import re
from enum import StrEnum
from typing import Final


class ImageKind(StrEnum):
    """Recognised formats; the value is its name in a sentence."""

    JPEG = "a JPEG"
    PNG = "a PNG"
    WEBP = "a WebP"
    APNG = "an animated PNG (APNG)"
    WEBP_ANIMATED = "an animated WebP"
    GIF = "a GIF"
    BMP = "a BMP"
    TIFF = "a TIFF or camera raw file"
    HEIC = "a HEIC/HEIF"
    AVIF = "an AVIF"
    JPEG_XL = "a JPEG XL"
    JPEG_2000 = "a JPEG 2000"
    ICO = "an icon (ICO)"
    PSD = "a Photoshop document"
    PDF = "a PDF"
    POSTSCRIPT = "a PostScript file"
    SVG = "an SVG drawing"
    HTML = "an HTML page"
    XML = "an XML document"
    JSON = "a JSON document"
    BASE64 = "base64 text rather than the bytes it stands for"
    VIDEO = "a video"
    ARCHIVE = "an archive"
    UNKNOWN = "of an unknown type"


MEDIA_TYPES: Final = {ImageKind.JPEG: "image/jpeg", ImageKind.PNG: "image/png", ImageKind.WEBP: "image/webp"}
"""Accepted formats and their media types."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", ImageKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", ImageKind.PNG),
    (b"GIF87a", ImageKind.GIF),
    (b"GIF89a", ImageKind.GIF),
    (b"BM", ImageKind.BMP),
    (b"II*\0", ImageKind.TIFF),
    (b"MM\0*", ImageKind.TIFF),
    (b"II+\0", ImageKind.TIFF),
    (b"MM\0+", ImageKind.TIFF),
    (b"\xff\x0a", ImageKind.JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", ImageKind.JPEG_XL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", ImageKind.JPEG_2000),
    (b"\xff\x4f\xff\x51", ImageKind.JPEG_2000),
    (b"\0\0\x01\0", ImageKind.ICO),
    (b"8BPS", ImageKind.PSD),
    (b"%PDF", ImageKind.PDF),
    (b"%!PS", ImageKind.POSTSCRIPT),
    (b"\x1a\x45\xdf\xa3", ImageKind.VIDEO),
    (b"PK\x03\x04", ImageKind.ARCHIVE),
    (b"\x1f\x8b", ImageKind.ARCHIVE),
)
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
# The base64 spelling of the accepted formats' first bytes: a frequent mistake that gets its own message.
_BASE64: Final = (b"data:image/", b"/9j/", b"iVBORw0KGgo", b"UklGR")
_HEAD: Final = 4096


def sniff(data: bytes) -> ImageKind:
    """The format of `data`; its first 4 KB suffice. Does not detect animation."""
    head = data[:_HEAD]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return _by_container(head) or _by_text(head) or ImageKind.UNKNOWN


def _by_container(head: bytes) -> ImageKind | None:
    """Detect RIFF and ISO base media files by their type field."""
    if head.startswith(b"RIFF"):
        return {b"WEBP": ImageKind.WEBP, b"AVI ": ImageKind.VIDEO}.get(head[8:12])
    if head[4:8] != b"ftyp":
        return None
    if head[8:12] in _AVIF_BRANDS:
        return ImageKind.AVIF
    return ImageKind.HEIC if head[8:12] in _HEIC_BRANDS else ImageKind.VIDEO


def _by_text(head: bytes) -> ImageKind | None:
    text = _plain(head)
    if text.startswith(_BASE64):
        return ImageKind.BASE64
    lower = text.lower()
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return ImageKind.HTML
    if lower.startswith(b"<"):
        return _by_markup(lower)
    return ImageKind.JSON if lower.startswith((b"{", b"[")) else None


def _by_markup(lower: bytes) -> ImageKind:
    """Detect by element: XML prologues and comments may precede it."""
    if re.search(rb"<(\w+:)?svg[\s>/]", lower):
        return ImageKind.SVG
    return ImageKind.HTML if b"<html" in lower else ImageKind.XML


def _plain(head: bytes) -> bytes:
    """`head` as ASCII-compatible text without byte order mark and leading blanks."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()
