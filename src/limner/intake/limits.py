"""Limits of reference images."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Size limits of a reference image.

    `max_bytes` is the file's size, `min_side` and `longest_side` are pixels, `max_pixels` is width times height.
    A picture longer than `longest_side` is accepted and scaled down to it when it is normalised. `purpose` says in
    refusals what the image is for.
    """

    max_bytes: int = 20 * 1024 * 1024
    min_side: int = 20
    max_pixels: int = 100_000_000
    longest_side: int = 2048
    purpose: str = "a reference image"
