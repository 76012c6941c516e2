"""Pictures for the intake tests: real ones by Pillow, hostile ones by hand."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

SECRETS = (b"Exif", b"secret", b"8BIM", b"Photoshop", b"http://ns.adobe.com", b"ICC_PROFILE", b"acsp")
"""What must not be found in a clean picture: names of metadata blocks, and what the tests hide in them."""

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf>http://ns.adobe.com secret place</rdf></x:xmpmeta>"
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x11\x1c\x02\x78\x00\x0csecret words\x00"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(size: tuple[int, int] = (48, 32), mode: str = "RGB") -> Image.Image:
    """Four corners of four colours: red, green, blue and yellow, clockwise from the top left."""
    image = Image.new("RGB", size)
    halves = (size[0] // 2, size[1] // 2)
    corners = (("red", (0, 0)), ("lime", (halves[0], 0)), ("blue", halves), ("yellow", (0, halves[1])))
    for colour, at in corners:
        image.paste(colour, (*at, at[0] + halves[0], at[1] + halves[1]))
    return image.convert(mode)


def exif(orientation: int = 1) -> bytes:
    """EXIF with a position, a camera owner and an orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x013B] = "secret owner"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return block.tobytes()


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def talkative(kind: str, image: Image.Image | None = None, orientation: int = 1, **options: Any) -> bytes:
    """A picture that carries every sort of metadata its format can."""
    image = image or scene()
    common = {"exif": exif(orientation), "icc_profile": srgb_profile(), **options}
    match kind:
        case "JPEG":
            data = encoded(image, kind, comment=b"secret comment", xmp=XMP, **common)
            app13 = b"\xff\xed" + struct.pack(">H", len(IPTC) + 2) + IPTC
            return data[:2] + app13 + data[2:] + b"secret trailer"
        case "PNG":
            info = PngInfo()
            info.add_text("Author", "secret author")
            info.add_text("Comment", "secret" * 50, zip=True)
            info.add_itxt("XML:com.adobe.xmp", XMP)
            info.add(b"tIME", b"\x07\xe9\x01\x01\x00\x00\x00")
            return encoded(image, kind, pnginfo=info, dpi=(300, 300), **common) + b"secret trailer"
        case _:
            return encoded(image, kind, xmp=XMP, **common)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width: int, height: int, *before: bytes, depth: int = 1, colour: int = 0, after: tuple[bytes, ...] = ()
) -> bytes:
    """A blank PNG of any size, packed row by row so that making a bomb needs no memory."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * depth * channels + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = png_chunk(b"IEND", b"")
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *before, png_chunk(b"IDAT", body), *after, end])


def png_chunks(data: bytes) -> Iterator[bytes]:
    """Names of all chunks; and nothing may follow the last."""
    at = 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name
        at += 12 + length


def jpeg_markers(data: bytes) -> Iterator[int]:
    """Markers of all segments before the picture's data; and nothing may follow that."""
    assert data.endswith(b"\xff\xd9")
    at = 2
    while data[at + 1] != 0xDA:
        yield data[at + 1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def colours(image: Image.Image) -> list[str]:
    """The nearest of the scene's colours in each corner, clockwise from the top left."""
    width, height = image.size
    spots = ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))
    return [_name(image.convert("RGB").getpixel(spot)) for spot in spots]


def _name(pixel: Any) -> str:
    known = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
    return min(known, key=lambda name: sum(abs(a - b) for a, b in zip(pixel, known[name], strict=True)))
