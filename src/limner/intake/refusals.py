"""Refusals of images, with reason and remedy."""

from typing import Final

from limner.domain.refusal import Code, Refusal, UnusablePicture
from limner.intake.formats.sniff import ImageKind
from limner.intake.limits import ImageLimits

_PAGES: Final = frozenset({ImageKind.HTML, ImageKind.XML, ImageKind.JSON, ImageKind.UNKNOWN})
"""What arrives in place of a picture when something went wrong on the way."""


def megabytes(size: int) -> str:
    return f"{size / (1024 * 1024):.4g} MB"


def _wanted(limits: ImageLimits) -> str:
    return f"Send a JPEG, PNG or WebP of at most {megabytes(limits.max_bytes)}."


def empty(limits: ImageLimits) -> Refusal:
    return Refusal(Code.IMAGE_EMPTY, "The image file is empty.", suggestion=_wanted(limits))


def broken(why: str, limits: ImageLimits) -> Refusal:
    return Refusal(
        Code.IMAGE_EMPTY,
        f"The image cannot be decoded: {why}.",
        suggestion=f"Check that the file opens in a viewer and arrived complete. {_wanted(limits)}",
    )


def wrong_type(kind: ImageKind, limits: ImageLimits) -> Refusal:
    refused = Refusal if kind in _PAGES else UnusablePicture
    return refused(
        Code.IMAGE_TYPE_UNSUPPORTED,
        f"The file is {kind}, which is not accepted as {limits.purpose}.",
        suggestion=f"Convert it to a still picture first. {_wanted(limits)}",
    )


def too_many_bytes(size: int, limits: ImageLimits) -> Refusal:
    return UnusablePicture(
        Code.IMAGE_TOO_LARGE,
        f"The image has {size} bytes, more than the {megabytes(limits.max_bytes)} allowed.",
        suggestion=f"{_wanted(limits)} A smaller side length or a JPEG of quality 90 is usually small enough.",
    )


def too_many_pixels(width: int, height: int, limits: ImageLimits) -> Refusal:
    allowed = f"{limits.max_pixels / 1_000_000:g} megapixels"
    return UnusablePicture(
        Code.IMAGE_TOO_LARGE,
        f"The image measures {width} x {height} px, more than the {allowed} allowed.",
        suggestion=f"Scale it down: width times height may be at most {allowed}; sides up to 6000 px are sufficient.",
    )


def too_small(width: int, height: int, limits: ImageLimits) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"The image measures {width} x {height} px; each side must have at least {limits.min_side} px.",
        suggestion=f"Send a picture of at least {limits.min_side} x {limits.min_side} px; 256 px or more work best.",
    )
