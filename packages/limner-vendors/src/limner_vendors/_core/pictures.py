"""The pictures that the emulators return: real files that name the request they were drawn from.

A card has three zones. The upper two fifths are 17 upright bands, each in one of the eight corner colours of the RGB
cube: the first 16 spell 48 bits of the prompt's sha-256, three bits a band (red, green, blue), the last one the
variant. The next fifth shows the prompt's first words and the size, the lower two fifths a thumbnail of each reference
in the order it was given.

The same facts, whole, stand in the file as JSON: a PNG text chunk `limner-card`, a JPEG comment, a WebP XMP packet.
`read_card` reads them; `read_bands` reads the bands alone, which survive another encoding and, on a Midjourney grid,
cutting out a quarter.
"""

import hashlib
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

Format = Literal["png", "jpeg", "webp"]
Size = tuple[int, int]

MEDIA_TYPES: Final = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
CHUNK: Final = "limner-card"
BANDS: Final = 16
THUMBNAIL: Final = 256
MOST_PIXELS: Final = 100_000_000
_BAND_ZONE, _TEXT_ZONE = 0.4, 0.6
_UNREADABLE: Final = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)
_READABLE: Final = ("PNG", "JPEG", "WEBP", "GIF")


class NotAPicture(ValueError):
    """These bytes are no picture that the emulators can read."""


class NoCard(ValueError):
    """No emulator drew this picture, or its metadata was removed."""


def has_alpha(data: bytes) -> bool:
    """Whether a picture has an alpha channel. Raises `NotAPicture`."""
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as picture:
            return "A" in picture.getbands() or "transparency" in picture.info
    except _UNREADABLE as error:
        raise NotAPicture(str(error)) from None


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """A reference picture as it arrived. `format` is Pillow's name in lower case, `thumbnail` a small WebP."""

    sha: str
    format: str
    size: Size
    weight: int
    thumbnail: bytes

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6


@dataclass(frozen=True, slots=True)
class Card:
    """The facts in a picture's metadata. `size` and `format` are those of the bytes read, not of the metadata."""

    prompt_sha: str
    references: tuple[str, ...]
    size: Size
    format: str
    variant: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Bands:
    """The facts in the colours: the first 12 hexadecimal digits of the prompt's sha-256, and the variant."""

    prompt_sha12: str
    variant: int


@dataclass(frozen=True, slots=True)
class Design:
    """What a card is drawn from. `variant` is 0..7; `noise` makes the file about as heavy as a photograph."""

    prompt: str
    references: tuple[ReceivedImage, ...] = ()
    size: Size = (1024, 1024)
    format: Format = "png"
    variant: int = 0
    model: str = ""
    transparent: bool = False
    noise: bool = False


def sha_of(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def look(data: bytes) -> ReceivedImage:
    """Decode a reference. Blocking: call it in a thread. Raises `NotAPicture`."""
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise NotAPicture(f"{picture.width}x{picture.height} is too large")
            kind, size = (picture.format or "").lower(), picture.size
            thumbnail = _small(picture)
    except _UNREADABLE as error:
        raise NotAPicture(str(error)) from None
    return ReceivedImage(sha_of(data), kind, size, len(data), thumbnail)


def _small(picture: Image.Image) -> bytes:
    """Encoded, because a vendor keeps many of them."""
    small, out = picture.convert("RGBA"), io.BytesIO()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(out, "WEBP", quality=80)
    return out.getvalue()


def draw(design: Design) -> bytes:
    """One card. Blocking: call it in a thread."""
    return _encode(_canvas(design), design)


def draw_grid(design: Design) -> bytes:
    """Two by two cards of half the size, variants 1 to 4 in reading order. Blocking."""
    width, height = design.size[0] // 2, design.size[1] // 2
    grid = Image.new("RGB", (width * 2, height * 2))
    for variant in range(1, 5):
        tile = _canvas(Design(design.prompt, design.references, (width, height), variant=variant, noise=design.noise))
        grid.paste(tile, ((variant - 1) % 2 * width, (variant - 1) // 2 * height))
    return _encode(grid, design)


def blacked_out(design: Design) -> bytes:
    """A black picture of the requested size, as a safety checker leaves it."""
    return _encode(Image.new("RGB", design.size), design)


def read_card(data: bytes) -> Card:
    """Read the metadata. Raises `NoCard`."""
    try:
        with Image.open(io.BytesIO(data), formats=_READABLE) as picture:
            picture.load()
            said = picture.info.get(CHUNK) or picture.info.get("comment") or picture.info.get("xmp")
            size, kind = picture.size, (picture.format or "").lower()
        facts = orjson.loads(said or "")
        references = tuple(facts["references"])
    except (*_UNREADABLE, KeyError, TypeError) as error:
        raise NoCard(f"no card in {len(data)} bytes: {error}") from None
    return Card(facts["prompt_sha"], references, size, kind, facts["variant"], facts["model"])


def read_bands(picture: Image.Image) -> Bands:
    width, height = picture.size
    rgb = picture.convert("RGB")
    points = [(int((n + 0.5) * width / (BANDS + 1)), int(height * _BAND_ZONE / 2)) for n in range(BANDS + 1)]
    *spelled, variant = (_bits(rgb.getpixel(point)) for point in points)
    number = 0
    for bits in spelled:
        number = number << 3 | bits
    return Bands(f"{number:012x}", variant)


def _bits(pixel: float | tuple[int, ...] | None) -> int:
    red, green, blue = (channel > 127 for channel in pixel) if isinstance(pixel, tuple) else (False, False, False)
    return red << 2 | green << 1 | blue


def _colour(bits: int) -> tuple[int, int, int]:
    return (bits >> 2 & 1) * 255, (bits >> 1 & 1) * 255, (bits & 1) * 255


def _canvas(design: Design) -> Image.Image:
    canvas = _ground(design)
    _draw_bands(canvas, design)
    _draw_words(canvas, design)
    _draw_references(canvas, design.references)
    return canvas


def _ground(design: Design) -> Image.Image:
    width, height = design.size
    if design.noise:
        noise = random.Random(design.prompt).randbytes(width * height * 3)  # noqa: S311 - the same for the same prompt
        return Image.frombytes("RGB", design.size, noise)
    if design.transparent:
        return Image.new("RGBA", design.size, (255, 255, 255, 0))
    return Image.new("RGB", design.size, "white")


def _draw_bands(canvas: Image.Image, design: Design) -> None:
    number = int(sha_of(design.prompt)[:12], 16)
    bits = [number >> 3 * (BANDS - 1 - n) & 7 for n in range(BANDS)] + [design.variant & 7]
    pen, width, bottom = ImageDraw.Draw(canvas), canvas.width, int(canvas.height * _BAND_ZONE)
    for n, colour in enumerate(bits):
        left, right = n * width // len(bits), (n + 1) * width // len(bits)
        pen.rectangle((left, 0, right - 1, bottom - 1), fill=_colour(colour))


def _draw_words(canvas: Image.Image, design: Design) -> None:
    room = int(canvas.height * (_TEXT_ZONE - _BAND_ZONE))
    font = ImageFont.load_default(max(8, min(room // 3, canvas.width // 24)))
    words = " ".join(design.prompt.split()[:8])[:44].encode("ascii", "replace").decode()
    size = f"{design.size[0]}x{design.size[1]}  {len(design.references)} references  {design.model}"
    at = (canvas.width // 40, int(canvas.height * _BAND_ZONE) + room // 8)
    ImageDraw.Draw(canvas).multiline_text(at, f"{words}\n{size}", fill="black", font=font)


def _draw_references(canvas: Image.Image, references: Sequence[ReceivedImage]) -> None:
    if not references:
        return
    top = int(canvas.height * _TEXT_ZONE)
    cell = canvas.width // len(references), canvas.height - top
    for n, reference in enumerate(references):
        shown = Image.open(io.BytesIO(reference.thumbnail)).convert("RGBA")
        shown.thumbnail(cell)
        canvas.paste(shown, (n * cell[0], top), shown)


def _encode(canvas: Image.Image, design: Design) -> bytes:
    facts = orjson.dumps(
        {
            "prompt_sha": sha_of(design.prompt),
            "references": [reference.sha for reference in design.references],
            "variant": design.variant,
            "model": design.model,
        }
    )
    out = io.BytesIO()
    match design.format:
        case "png":
            chunks = PngImagePlugin.PngInfo()
            chunks.add_text(CHUNK, facts.decode())
            canvas.save(out, "PNG", pnginfo=chunks, compress_level=1)
        case "jpeg":
            canvas.convert("RGB").save(out, "JPEG", quality=90, comment=facts)
        case "webp":
            canvas.save(out, "WEBP", lossless=True, method=0, xmp=facts)
    return out.getvalue()


def as_gif(picture: bytes) -> bytes:
    """The same picture as a GIF."""
    with Image.open(io.BytesIO(picture), formats=_READABLE) as opened:
        made = io.BytesIO()
        opened.convert("P").save(made, "GIF")
    return made.getvalue()
