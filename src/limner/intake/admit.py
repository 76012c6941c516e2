"""Checks on a reference image that need no decoding: size, format, container, dimensions."""

from dataclasses import dataclass
from pathlib import Path

from limner.intake import refusals
from limner.intake.formats import jpeg, png, webp
from limner.intake.formats.header import BrokenError, Header
from limner.intake.formats.sniff import MEDIA_TYPES, ImageKind, sniff
from limner.intake.limits import ImageLimits

_READERS = {ImageKind.JPEG: jpeg.read, ImageKind.PNG: png.read, ImageKind.WEBP: webp.read}
_ANIMATED = {ImageKind.PNG: ImageKind.APNG, ImageKind.WEBP: ImageKind.WEBP_ANIMATED}


@dataclass(frozen=True, slots=True)
class AdmittedImage:
    """An image that passed the checks. `size` is the file's, in bytes."""

    kind: ImageKind
    size: int
    header: Header


def admit(source: Path | bytes, limits: ImageLimits) -> AdmittedImage:
    """Check a file, or these bytes. Memory use does not depend on its dimensions. Raises `Refusal`."""
    data = _read(source, limits)
    kind = _accepted(data, limits)
    header = _header(kind, data, limits)
    _check_not_animated(kind, header, limits)
    _check_size(header, limits)
    return AdmittedImage(kind, len(data), header)


def _read(source: Path | bytes, limits: ImageLimits) -> bytes:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise refusals.empty(limits)
    if size > limits.max_bytes:
        raise refusals.too_many_bytes(size, limits)
    return source if isinstance(source, bytes) else source.read_bytes()


def _accepted(data: bytes, limits: ImageLimits) -> ImageKind:
    kind = sniff(data)
    if kind not in MEDIA_TYPES:
        raise refusals.wrong_type(kind, limits)
    return kind


def _header(kind: ImageKind, data: bytes, limits: ImageLimits) -> Header:
    try:
        return _READERS[kind](data)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error


def _check_not_animated(kind: ImageKind, header: Header, limits: ImageLimits) -> None:
    if header.animated:
        raise refusals.wrong_type(_ANIMATED[kind], limits)


def _check_size(header: Header, limits: ImageLimits) -> None:
    width, height = header.width, header.height
    if width * height > limits.max_pixels:
        raise refusals.too_many_pixels(width, height, limits)
    if min(width, height) == 0:
        raise refusals.broken("it has no pixels", limits)
    if min(width, height) < limits.min_side:
        raise refusals.too_small(width, height, limits)
