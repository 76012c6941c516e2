"""Verification and normalisation of image files. Everything here blocks: call it in a thread."""

import struct
from pathlib import Path
from typing import Final

from limner.intake.admit import admit
from limner.intake.formats.sniff import ImageKind
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected, Normalised

LIGHT_PIXELS: Final = 18_000_000
"""The largest picture that a thread decodes: a square of 4,096 pixels still is."""

LIGHT_WEBP_PIXELS: Final = 500_000
"""The same for a WebP, whose decoder holds the interpreter lock: up to 60 ms for each megapixel."""


_PNG: Final = struct.Struct(">8s4x4sII")


class ImageFiles:
    """Pillow is imported on first use. Safe to use from several threads."""

    def __init__(self, limits: ImageLimits = ImageLimits()) -> None:  # noqa: B008 - a frozen value
        self._limits = limits

    def heavy_pixels(self, source: Path | bytes) -> int | None:
        """The pixels of a picture that no thread of the service may decode, from its header; None for a light one.

        Raises `Refusal` for a heavy file that must not be decoded; a light one is refused when it is.
        """
        if _is_light_png(_head(source)):  # as most are: not read twice
            return None
        admitted = admit(source, self._limits)
        pixels = admitted.header.width * admitted.header.height
        most = LIGHT_WEBP_PIXELS if admitted.kind is ImageKind.WEBP else LIGHT_PIXELS
        return pixels if pixels > most else None

    def inspect(self, source: Path | bytes) -> Inspected:
        """Verify a file, or these bytes, down to its last pixel row."""
        from limner.intake.decode.verify import verify  # noqa: PLC0415 - brings Pillow

        return verify(admit(source, self._limits), self._limits)

    def normalise(self, source: Path, target: Path) -> Normalised:
        """Write a clean copy of `source` to `target`."""
        from limner.intake.decode.normalise import normalise  # noqa: PLC0415 - brings Pillow

        return normalise(admit(source, self._limits), target, self._limits)

    def thumbnail(self, source: Path, target: Path) -> Normalised:
        """Write a thumbnail of `source` to `target`, as long as the limits' longest side."""
        from limner.intake.decode.thumbnail import thumbnail  # noqa: PLC0415 - brings Pillow

        return thumbnail(admit(source, self._limits), target, self._limits)


def _head(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[: _PNG.size]
    with source.open("rb") as file:
        return file.read(_PNG.size)


def _is_light_png(head: bytes) -> bool:
    if len(head) < _PNG.size:
        return False
    signature, chunk, width, height = _PNG.unpack(head)
    return bool(signature == b"\x89PNG\r\n\x1a\n" and chunk == b"IHDR" and width * height <= LIGHT_PIXELS)
