"""Turning a line drawing into soft solids: every closed region becomes a body, the strokes become its seams."""

import numpy as np
from PIL import Image, ImageFilter

from limner_builtin.raster.components import Labels, Region, regions
from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, colour, luma, resized, smoothed, smoothstep, to_pixels
from limner_builtin.raster.shading import Finish, pigment, shaded
from limner_builtin.raster.sprite import Sprite

SIDE = 512
STROKE = 5
LEAST_REGION = 90
TONES = (
    (0.96, 0.58, 0.4), (0.36, 0.64, 0.9), (0.98, 0.8, 0.42), (0.5, 0.77, 0.53), (0.74, 0.58, 0.87), (0.97, 0.9, 0.82),
    (0.42, 0.76, 0.78), (0.93, 0.5, 0.58),
)  # fmt: skip
CANDY = Finish(roughness=0.3, rim=0.3)


def rendered_sketch(picture: Pixels, seed: int) -> Sprite | None:
    """The drawing as a solid picture of its own size, or None where no line closes round anything."""
    height, width = picture.shape[:2]
    ink = _ink(picture)
    labels, bodies = _bodies(ink)
    if not bodies:
        return None
    relief, tones, mask = _modelled(labels, bodies, ink, _given_colours(picture, ink.shape), seed)
    shown = max(height, width) / max(ink.shape)
    relief = resized(relief, width, height) * np.float32(shown)
    tones, mask = resized(tones, width, height), np.clip(resized(mask, width, height), 0, 1)
    lit = shaded(blurred(relief, 1.2), pigment(tones), CANDY, scale=max(height, width))
    return Sprite(lit, smoothstep(0.35, 0.65, mask))


def _ink(picture: Pixels) -> np.ndarray:
    """Where the strokes are: darker than their surroundings, small gaps closed."""
    scale = SIDE / max(picture.shape[:2])
    rows, columns = round(picture.shape[0] * scale), round(picture.shape[1] * scale)
    tones = luma(resized(picture, columns, rows, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    local = blurred(tones, SIDE / 24)
    dark = (tones < local - 0.09) | (tones < 0.22)
    image = Image.fromarray(dark.astype(np.uint8) * 255)
    closed = image.filter(ImageFilter.MaxFilter(STROKE)).filter(ImageFilter.MinFilter(STROKE))
    return np.asarray(closed) > 127


def _bodies(ink: np.ndarray) -> tuple[Labels, list[Region]]:
    labels, found = regions(~ink)
    height, width = ink.shape
    return labels, [r for r in found if r.area >= LEAST_REGION and not r.touches_frame(width, height)]


def _given_colours(picture: Pixels, shape: tuple[int, ...]) -> Pixels:
    small = resized(picture, shape[1], shape[0], Image.Resampling.BOX)
    return smoothed(small, 3, 0.01)


def _modelled(
    labels: Labels, bodies: list[Region], ink: np.ndarray, given: Pixels, seed: int
) -> tuple[Pixels, Pixels, Pixels]:
    shape = ink.shape
    relief, tones = np.zeros(shape, np.float32), np.full((*shape, 3), 0.2, np.float32)
    mask = np.zeros(shape, np.float32)
    whole = np.isin(labels, [body.label for body in bodies])
    base = inflated(_grown(whole, STROKE), SIDE * 0.16)
    for number, body in enumerate(bodies):
        inside = _grown(labels == body.label, STROKE - 2)
        relief = np.where(inside > 0.5, np.maximum(relief, inflated(inside, SIDE * 0.11)), relief)
        tone = _tone(given[labels == body.label].mean(0), number + seed)
        tones = np.where((inside > 0.5)[..., None], tone, tones)
        mask = np.maximum(mask, inside)
    # strokes inside or along a body belong to it; a stroke far from any body is left out
    near = _grown(whole, 2 * STROKE + 1) > 0.5
    mask = np.maximum(mask, (ink & near).astype(np.float32))
    height = base * 0.55 + relief * 0.75
    return blurred(height, 1.2), blurred(tones, 0.7), blurred(mask, 0.8)


def _tone(given: Pixels, number: int) -> Pixels:
    """A coloured region keeps its colour; white paper gets one of ours."""
    if float(given.max() - given.min()) > 0.12 or float(given.mean()) < 0.5:
        return given
    return colour(*TONES[number % len(TONES)])


def _grown(mask: np.ndarray, reach: int) -> Pixels:
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return to_pixels(image.filter(ImageFilter.MaxFilter(reach | 1)))
