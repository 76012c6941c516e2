"""Normalises a reference image: upright, sRGB, limited size, no metadata."""

from pathlib import Path
from typing import Final

from PIL import Image

from limner.intake import refusals
from limner.intake.admit import AdmittedImage
from limner.intake.decode.colour import to_srgb
from limner.intake.decode.decode import decode
from limner.intake.decode.decode_errors import damage_as_broken_error
from limner.intake.decode.scale import fit, fitted
from limner.intake.formats.header import BrokenError, Header
from limner.intake.formats.sniff import MEDIA_TYPES, ImageKind
from limner.intake.limits import ImageLimits
from limner.ports.intake import Normalised

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that undoes each EXIF orientation (EXIF 2.32, tag 0x0112); 1 is upright."""

# 4:4:4 keeps edges and small text.
_JPEG_OPTIONS: Final = {"quality": 95, "subsampling": 0}


def normalise(admitted: AdmittedImage, target: Path, limits: ImageLimits) -> Normalised:
    """Write the normalised image to `target`, or raise `Refusal` and leave no file. Blocking."""
    try:
        picture = clean(admitted, limits)
    except BrokenError as error:
        raise refusals.broken(str(error), limits) from error
    kind = _kind_for(admitted, picture)
    _save(picture, kind, target)
    return Normalised(MEDIA_TYPES[kind], picture.width, picture.height, target.stat().st_size)


def clean(admitted: AdmittedImage, limits: ImageLimits) -> Image.Image:
    """The picture upright, in sRGB, no side longer than `limits.longest_side`. Raises `BrokenError`."""
    header = admitted.header
    picture = decode(admitted.kind, header, at_least=_min_decoded_side(header, limits))
    with damage_as_broken_error():
        picture = fit(picture, limits.longest_side)
        picture = to_srgb(picture, header.profile)
        return _upright(picture, header.orientation)


def _min_decoded_side(header: Header, limits: ImageLimits) -> int:
    """The shorter side of twice the target size: large JPEGs need not be decoded in full."""
    return min(fitted(header.width, header.height, 2 * limits.longest_side))


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return picture if method is None else picture.transpose(method)


def _kind_for(admitted: AdmittedImage, picture: Image.Image) -> ImageKind:
    """JPEG for lossy sources without alpha, else PNG."""
    lossy = admitted.kind is not ImageKind.PNG and not admitted.header.lossless
    return ImageKind.JPEG if lossy and picture.mode == "RGB" else ImageKind.PNG


def _save(picture: Image.Image, kind: ImageKind, target: Path) -> None:
    # Pillow writes comments and profiles from `info` into the file.
    picture.info = {}
    try:
        with target.open("wb") as file:
            picture.save(file, format=kind.name, **(_JPEG_OPTIONS if kind is ImageKind.JPEG else {}))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
