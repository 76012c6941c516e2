"""Pictures of every container that takes a mark, and independent readers of what is in them."""

import io
import struct
import zlib
from typing import Any
from xml.etree import ElementTree as ET

from PIL import Image

from limner.domain.digital_source import DigitalSource
from limner.marking.xmp import Mark
from unit.intake.pictures import encoded, scene

MARK = Mark(DigitalSource.GENERATED, "openai gpt-image-2")
OTHER_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<r:Description r:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/></r:RDF></x:xmpmeta>'
)

PLAIN: dict[str, bytes] = {
    "png": encoded(scene(), "PNG"),
    "png of a palette": encoded(scene(mode="P"), "PNG"),
    "png with transparency": encoded(scene(mode="RGBA"), "PNG"),
    "jpeg": encoded(scene(), "JPEG"),
    "jpeg, progressive": encoded(scene(), "JPEG", progressive=True),
    "jpeg with exif": encoded(scene(), "JPEG", exif=Image.Exif()),
    "webp": encoded(scene(), "WEBP"),
    "webp, lossless": encoded(scene(), "WEBP", lossless=True),
    "webp with transparency": encoded(scene(mode="RGBA"), "WEBP", lossless=True),
    "webp with exif": encoded(scene(), "WEBP", exif=Image.Exif()),
    "webp of odd length": encoded(scene((33, 17)), "WEBP", quality=30),
}

IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def media_type(name: str) -> str:
    return f"image/{name.replace(',', ' ').split()[0]}"


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def properties(data: bytes) -> dict[str, str]:
    """The properties of the XMP that Pillow finds, with their namespaces."""
    image = opened(data)
    packet: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = packet if isinstance(packet, str) else packet.decode()
    root = ET.fromstring(text)  # noqa: S314 - our own
    return {name: value for each in root.iter(f"{RDF}Description") for name, value in each.attrib.items()}


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(chunk: bytes, *, at_end: bool = False) -> bytes:
    data = PLAIN["png"]
    at = len(data) - 12 if at_end else 33
    return data[:at] + chunk + data[at:]


def jpeg_segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(content)).to_bytes(2) + content


def jpeg_with(segment: bytes) -> bytes:
    data = PLAIN["jpeg"]
    return data[:20] + segment + data[20:]


def webp_with(name: bytes, content: bytes) -> bytes:
    data = PLAIN["webp with exif"]
    body = data[8:] + struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def itxt(packet: bytes) -> bytes:
    return png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)


def app1(packet: bytes) -> bytes:
    return jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)
