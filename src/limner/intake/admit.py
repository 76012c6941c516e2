"""What can be judged of a reference without decoding it: weight, kind, container, measures."""

from dataclasses import dataclass
from pathlib import Path

from limner.intake import jpeg, png, refusals, webp
from limner.intake.header import BrokenError, Header
from limner.intake.limits import ImageLimits
from limner.intake.sniff import MEDIA_TYPES, Kind, sniff

_READERS = {Kind.JPEG: jpeg.read, Kind.PNG: png.read, Kind.WEBP: webp.read}
_ANIMATED = {Kind.PNG: Kind.APNG, Kind.WEBP: Kind.WEBP_ANIMATED}


@dataclass(frozen=True, slots=True)
class Admitted:
    """A reference that may be decoded. `size` is the file's, in bytes."""

    kind: Kind
    size: int
    header: Header


def admit(source: Path, limits: ImageLimits) -> Admitted:
    """Judge the file at `source`; nothing is allocated beyond copies of its own bytes."""
    data = _read(source, limits)
    kind = _accepted(data, limits)
    header = _header(kind, data, limits)
    _still(kind, header, limits)
    _measures(header, limits)
    return Admitted(kind, len(data), header)


def _read(source: Path, limits: ImageLimits) -> bytes:
    size = source.stat().st_size
    if size == 0:
        raise refusals.empty(limits)
    if size > limits.max_bytes:
        raise refusals.too_heavy(size, limits)
    return source.read_bytes()


def _accepted(data: bytes, limits: ImageLimits) -> Kind:
    kind = sniff(data)
    if kind not in MEDIA_TYPES:
        raise refusals.wrong_type(kind, limits)
    return kind


def _header(kind: Kind, data: bytes, limits: ImageLimits) -> Header:
    try:
        return _READERS[kind](data)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error


def _still(kind: Kind, header: Header, limits: ImageLimits) -> None:
    if header.animated:
        raise refusals.wrong_type(_ANIMATED[kind], limits)


def _measures(header: Header, limits: ImageLimits) -> None:
    width, height = header.width, header.height
    if width * height > limits.max_pixels:
        raise refusals.too_many_pixels(width, height, limits)
    if min(width, height) == 0:
        raise refusals.broken("it has no pixels", limits)
    if min(width, height) < limits.min_side:
        raise refusals.too_small(width, height, limits)
