"""Turning a line drawing into soft solids: what its strokes enclose becomes bodies, the strokes become their seams."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from limner_builtin.networks.cutout import saliency
from limner_builtin.raster.components import Labels, Region, enclosed, regions
from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import (
    Pixels,
    blurred,
    boxed,
    colour,
    luma,
    resized,
    shrunk,
    smoothed,
    smoothstep,
    to_hsv,
    to_pixels,
)
from limner_builtin.raster.shading import Finish, pigment, shaded
from limner_builtin.raster.sprite import Sprite

SIDE = 512
STROKE = 5
GAPS = (STROKE, 9, 15, 23)
"""Gaps between strokes, in pixels, that are closed one after the other until the strokes enclose something."""

LEAST_REGION = 90
LEAST_ENCLOSED = 0.2
"""Share of the drawing's bounding box that must be enclosed for a gap to be wide enough."""

TUBE = 9
"""Width of the body that a stroke becomes which encloses nothing."""

LEAST_PAPER = 0.5
"""Share of a drawing that is bare paper; a photograph has no tone that so much of it shares."""

LEAST_STROKES = 0.2
"""Share of what is not paper that is strokes; a thing photographed on paper has few."""

TONES = (
    (0.96, 0.58, 0.4), (0.36, 0.64, 0.9), (0.98, 0.8, 0.42), (0.5, 0.77, 0.53), (0.74, 0.58, 0.87), (0.97, 0.9, 0.82),
    (0.42, 0.76, 0.78), (0.93, 0.5, 0.58),
)  # fmt: skip
CANDY = Finish(roughness=0.3, rim=0.3)
Mask = NDArray[np.bool_]


MOST_OUTLINE = 0.2


def is_drawing(picture: Pixels) -> bool:
    """Whether most of the picture is one light tone, as paper is, and much of the rest is strokes."""
    tones = luma(shrunk(picture, 128, 128))
    counts, edges = np.histogram(tones, bins=25, range=(0, 1))
    near = np.convolve(counts, (1, 1, 1), mode="same")
    most = int(near.argmax())
    paper = near[most] / tones.size
    is_paper = paper > LEAST_PAPER and edges[most] > 0.35
    return bool(
        is_paper and _ink(picture).mean() > LEAST_STROKES * (1 - paper) and not _is_painted(picture, edges[most])
    )


def _is_painted(picture: Pixels, paper: float) -> bool:
    """Whether what is on the paper is colour without dark outlines: a thing that was photographed or rendered."""
    small = shrunk(picture, 128, 128)
    _, saturation, value = to_hsv(small)
    drawn = np.abs(luma(small) - paper) > 0.12
    if not drawn.any():
        return False
    dark = (value < 0.35) & drawn
    return bool(np.median(saturation[drawn]) > 0.3 and dark.sum() < MOST_OUTLINE * drawn.sum())


def rendered_sketch(picture: Pixels, seed: int) -> Sprite | None:
    """The drawing as a solid picture of its own size, or None where there is no stroke."""
    height, width = picture.shape[:2]
    ink = _ink(picture)
    labels, bodies = _bodies(ink, partial(_silhouette, picture, ink))
    if not bodies:
        return None
    relief, tones, mask = _modelled(labels, bodies, ink, _given_colours(picture, ink.shape), seed)
    shown = max(height, width) / max(ink.shape)
    relief = resized(relief, width, height) * np.float32(shown)
    tones, mask = resized(tones, width, height), np.clip(resized(mask, width, height), 0, 1)
    lit = shaded(blurred(relief, 1.2), pigment(tones), CANDY, scale=max(height, width))
    return Sprite(lit, smoothstep(0.35, 0.65, mask))


def _ink(picture: Pixels) -> Mask:
    """Where the strokes are: darker than their surroundings, small gaps closed."""
    scale = SIDE / max(picture.shape[:2])
    rows, columns = max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))
    tones = luma(resized(picture, columns, rows, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    local = blurred(tones, SIDE / 24)
    return _drawn_in(_spread((tones < local - 0.09) | (tones < 0.22), STROKE), STROKE)


def _bodies(ink: Mask, silhouette: Callable[[], Mask]) -> tuple[Labels, list[Region]]:
    """What the strokes enclose, and as tubes the strokes that enclose nothing."""
    inside = _inside(ink, silhouette)
    labels, found = regions(inside & ~ink)
    bodies = [region for region in found if region.area >= LEAST_REGION]
    near = _spread(np.isin(labels, [body.label for body in bodies]), 2 * STROKE + 1)
    strokes, lines = regions(ink & ~near)
    for number, line in enumerate([line for line in lines if line.area >= LEAST_REGION], len(found) + 1):
        labels = np.where(_spread(strokes == line.label, TUBE), np.int32(number), labels)
        bodies.append(replace(line, label=number))
    return labels, bodies


def _inside(ink: Mask, silhouette: Callable[[], Mask]) -> Mask:
    """What the strokes enclose once the gaps between them are closed, the narrowest that suffice.

    Where no gap suffices it is the silhouette of what is drawn, if that is filled more than by its strokes.
    """
    rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
    if not rows.size:
        return ink
    enough = LEAST_ENCLOSED * int(rows[-1] - rows[0] + 1) * int(columns[-1] - columns[0] + 1)
    inside = _closed(ink, GAPS[0])
    closers: list[Callable[[], Mask]] = [*(partial(_closed, ink, gap) for gap in GAPS), silhouette]
    for closer in closers:
        wider = closer()
        if (wider & ~ink).sum() >= enough:
            return wider
    return inside


def _silhouette(picture: Pixels, ink: Mask) -> Mask:
    height, width = ink.shape
    found = enclosed(resized(saliency(picture), width, height) > 0.5)
    return _closed(found | (ink & _spread(found, GAPS[-1])), STROKE)


def _closed(ink: Mask, gap: int) -> Mask:
    margin = gap + 1
    return _drawn_in(enclosed(_spread(np.pad(ink, margin), gap)), gap)[margin:-margin, margin:-margin]


def _spread(mask: Mask, gap: int) -> Mask:
    """The mask grown by half a gap on every side, at a cost that does not depend on the gap."""
    reach = gap // 2
    return boxed(mask.astype(np.float32), reach) > 0.5 / (2 * reach + 1) ** 2


def _drawn_in(mask: Mask, gap: int) -> Mask:
    return ~_spread(~mask, gap)


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
