"""A subject seen from four sides: its outline is blown up into a body, and the body is looked at from there.

What the picture does not show is not invented: behind, the body is smooth and in the subject's broad colours, and from
the side it has the outline that a rounded body of its shape would have.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limner_builtin.edits.relief import livelier, relief
from limner_builtin.edits.templates import Easel, Edited
from limner_builtin.networks.cutout import Subject
from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, over, resized, shrunk, smoothstep
from limner_builtin.raster.shading import SOFTBOX, Finish, shaded

WORKING_SIDE = 640
MATT = Finish(roughness=0.5, rim=0.12)
DEPTH = 0.72
"""How deep a body is, where its outline alone would make it round: animals and people are flatter than balls."""

FRONT, LEFT, BACK, RIGHT = "front", "left", "back", "right"
TURNED = "inflated_outline"

_NOTICES: Mapping[str, str] = {
    FRONT: "Your subject was cut out and set before white.",
    LEFT: "Your subject's outline was blown up into a body and seen from its left. Its side was not redrawn.",
    BACK: "Your subject's outline was blown up into a body and seen from behind. Its back was not redrawn.",
    RIGHT: "Your subject's outline was blown up into a body and seen from its right. Its side was not redrawn.",
}


@dataclass(frozen=True, slots=True)
class FigureBody:
    """A rounded body over an outline: half its thickness at each point, and its colours in front."""

    picture: Pixels
    alpha: Pixels
    half: Pixels


@dataclass(frozen=True, slots=True)
class Aspect:
    """What is seen from one side: colours, outline, and how near each point is to who looks."""

    colours: Pixels
    alpha: Pixels
    near: Pixels


def view_of(subject: Subject, view: str, easel: Easel) -> Edited:
    body = _body(subject)
    match view:
        case "left":
            seen = _from_the_side(body, mirrored=False)
        case "right":
            seen = _from_the_side(body, mirrored=True)
        case "back":
            seen = _from_behind(body)
        case _:
            seen = _from_the_front(body)
    return Edited(_before_white(seen, view, easel), TURNED, _NOTICES.get(view, _NOTICES[FRONT]))


def _body(subject: Subject) -> FigureBody:
    sprite = subject.cropped()
    scale = WORKING_SIDE / max(sprite.alpha.shape)
    width, height = (max(8, round(side * scale)) for side in (sprite.alpha.shape[1], sprite.alpha.shape[0]))
    fit = shrunk if scale < 1 else resized
    picture, alpha = fit(sprite.picture, width, height), np.clip(fit(sprite.alpha, width, height), 0, 1)
    half = inflated((alpha > 0.5).astype(np.float32), 0.5 * max(width, height)) * np.float32(DEPTH)
    return FigureBody(np.clip(picture, 0, 1), alpha, half)


def _from_the_front(body: FigureBody) -> Aspect:
    return Aspect(body.picture, body.alpha, relief(body.picture, body.alpha))


def _from_behind(body: FigureBody) -> Aspect:
    """The same outline mirrored, smooth, in the broad colours of the front."""
    broad = _broad(body)
    return Aspect(broad[:, ::-1].copy(), body.alpha[:, ::-1].copy(), body.half[:, ::-1].copy())


def _from_the_side(body: FigureBody, *, mirrored: bool) -> Aspect:
    """Looked at from the subject's own left: what lies to the right in the picture is near.

    A column of the result is a depth, the same before and behind. For each point the outermost part of the body is
    found that is as thick as that.
    """
    broad, half = _broad(body), body.half
    if mirrored:
        broad, half = broad[:, ::-1], half[:, ::-1]
    height, width = half.shape
    reach = max(2, int(np.ceil(half.max())))
    depth = np.abs(np.arange(-reach, reach + 1, dtype=np.float32))
    outermost = np.full((height, depth.size), -1, np.int32)
    for column in range(width):
        outermost[half[:, column, None] > depth] = column
    inside = (outermost >= 0).astype(np.float32)
    columns = np.maximum(outermost, 0)
    colours = np.take_along_axis(broad, columns[..., None], axis=1)
    near = np.where(inside > 0, outermost, 0).astype(np.float32) - np.where(inside > 0, outermost, width).min()
    alpha = np.clip(smoothstep(0.3, 0.7, blurred(inside, 1.2)), 0, 1)
    return Aspect(_filled(colours, inside), alpha, blurred(np.maximum(near, 0) * inside, 6.0) * inside)


def _broad(body: FigureBody) -> Pixels:
    """The colours of the subject without its markings and its light."""
    side = float(max(body.alpha.shape))
    weight = blurred(body.alpha, side / 18)[..., None]
    mean = blurred(body.picture * body.alpha[..., None], side / 18) / np.maximum(weight, 1e-3)
    return livelier(np.clip(mean, 0, 1), 1.15)


def _filled(colours: Pixels, inside: Pixels) -> Pixels:
    """Colours spread beyond the outline, so that its soft edge shows no seam."""
    weight = blurred(inside, 4)[..., None]
    return np.where(inside[..., None] > 0, colours, blurred(colours * inside[..., None], 4) / np.maximum(weight, 1e-3))


def _lit(seen: Aspect) -> Pixels:
    """The colours under the light that a grey body of this form would receive."""
    grey = np.full((*seen.near.shape, 3), 0.72, np.float32)
    level = shaded(np.zeros((3, 3), np.float32), grey[:3, :3], MATT, SOFTBOX, WORKING_SIDE)[1, 1]
    light = shaded(seen.near, grey, MATT, SOFTBOX, WORKING_SIDE) / np.maximum(level, 1e-3)
    lit: Pixels = np.clip(seen.colours * (1 + (light - 1) * np.float32(0.75)), 0, 1)
    return lit


def _before_white(seen: Aspect, view: str, easel: Easel) -> Pixels:
    lit = seen.colours if view == FRONT else _lit(seen)
    scale = 0.8 * min(easel.width, easel.height) / WORKING_SIDE
    height, width = (max(2, round(side * scale)) for side in seen.alpha.shape)
    picture = np.clip(resized(np.ascontiguousarray(lit), width, height), 0, 1)
    alpha = np.clip(resized(np.ascontiguousarray(seen.alpha), width, height), 0, 1)
    canvas = np.ones((easel.height, easel.width, 3), np.float32)
    top, left = (easel.height - height) // 2, (easel.width - width) // 2
    window = np.s_[top : top + height, left : left + width]
    canvas[window] = over(picture, alpha, canvas[window])
    return canvas
