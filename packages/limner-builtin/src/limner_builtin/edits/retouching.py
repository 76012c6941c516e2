"""Edits of the caller's picture as it is: nothing is drawn anew and nothing is moved into a scene."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from limner_builtin.assets import lexicon
from limner_builtin.edits.adjusting import WHOLE, at_time, soft
from limner_builtin.edits.colours import with_colours_of
from limner_builtin.edits.styles import LOOKS, styled
from limner_builtin.networks.cutout import Subject
from limner_builtin.networks.styling import with_style_of
from limner_builtin.raster.inpainting import inpainted
from limner_builtin.raster.pixels import Pixels, blurred, from_hsv, grid, over, resized, smoothstep
from limner_builtin.reading.edit_request import Change, EditRequest
from limner_builtin.sprites.materials import BROWN, NEUTRALS, RAMPS, Material, Paint, painted

BIGGER, SMALLER = 1.4, 0.68


@dataclass(frozen=True, slots=True)
class Retouched:
    """A picture (height, width, 3), or 4 planes where the background is transparent, and what was done, in clauses."""

    picture: Pixels
    done: tuple[str, ...]
    styled_by_network: bool = False


def needs_subject(asked: EditRequest) -> bool:
    """Whether the subject must be told from its background, which takes a network half a second."""
    of_subject = {Change.BIGGER, Change.SMALLER, Change.CUT_OUT, Change.BLUR_BACKGROUND}
    return asked.recolour is not None or asked.background is not None or not of_subject.isdisjoint(asked.changes)


def retouched(
    subject: Subject, asked: EditRequest, own: Sequence[Pixels], *, time: str, style: str | None, transparent: bool
) -> Retouched:
    """The changes carried out one after the other. `transparent` says whether the format can hold transparency."""
    work = _Retouch(subject)
    work.colour_subject(asked.recolour)
    work.scale(asked.changes)
    work.set_background(asked, transparent=transparent)
    work.light(time)
    work.borrow(asked, own)
    work.style(style)
    work.adjust(asked.changes)
    return work.finished()


class _Retouch:
    """One picture, its subject's transparency, and what has been done to it so far."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._picture = subject.picture if subject.whole is None else subject.whole
        self._alpha = subject.alpha
        self._cut = False
        self._network = False
        self._done: list[str] = []

    def finished(self) -> Retouched:
        picture = np.dstack([self._picture, self._alpha]) if self._cut else self._picture
        return Retouched(np.ascontiguousarray(picture), tuple(self._done), self._network)

    def colour_subject(self, paint: Paint | None) -> None:
        if paint is None:
            return
        fresh = painted(self._subject.picture, self._alpha, paint)
        self._picture = over(fresh, self._alpha, self._picture)
        self._done.append(f"{self._whose()} is {_named(paint)}")

    def scale(self, changes: Sequence[Change]) -> None:
        if Change.BIGGER in changes:
            self._zoom(BIGGER)
            self._done.append(f"{self._whose()} is shown larger")
        if Change.SMALLER in changes and self._subject.found:
            self._shrink(SMALLER)
            self._done.append(f"{self._whose()} is shown smaller")

    def _zoom(self, factor: float) -> None:
        """A window round the subject fills the picture: all that is seen is the caller's own."""
        height, width = self._alpha.shape
        rows, columns = int(height / factor), int(width / factor)
        y, x = _centre(self._alpha)
        top, left = int(np.clip(y - rows / 2, 0, height - rows)), int(np.clip(x - columns / 2, 0, width - columns))
        window = np.s_[top : top + rows, left : left + columns]
        self._picture = np.clip(resized(np.ascontiguousarray(self._picture[window]), width, height), 0, 1)
        self._alpha = np.clip(resized(np.ascontiguousarray(self._alpha[window]), width, height), 0, 1)

    def _shrink(self, factor: float) -> None:
        """The subject stands smaller on the line where it stood; what it hid is filled from around it."""
        height, width = self._alpha.shape
        rows, columns = max(1, int(height * factor)), max(1, int(width * factor))
        y, x = _foot(self._alpha)
        top, left = int(y * (1 - factor)), int(x * (1 - factor))
        small = resized(over(self._picture, self._alpha, self._subject.picture), columns, rows)
        mask = np.zeros_like(self._alpha)
        mask[top : top + rows, left : left + columns] = np.clip(resized(self._alpha, columns, rows), 0, 1)
        behind = _behind(self._picture, self._alpha)
        front = behind.copy()
        front[top : top + rows, left : left + columns] = np.clip(small, 0, 1)
        self._picture, self._alpha = over(front, mask, behind), mask

    def set_background(self, asked: EditRequest, *, transparent: bool) -> None:
        wanted = asked.background or Change.CUT_OUT in asked.changes or Change.BLUR_BACKGROUND in asked.changes
        if not wanted:
            return
        if not self._subject.found:
            self._done.append("no subject stood out, so its background could not be told from it and is unchanged")
            return
        clean = over(self._subject.picture, np.clip(self._alpha * 4, 0, 1), self._picture)
        if asked.background is not None:
            self._picture = over(clean, self._alpha, _plain(asked.background, self._alpha))
            self._done.append(f"its background is {_named(asked.background)}")
        elif Change.CUT_OUT in asked.changes and transparent:
            self._picture, self._cut = clean, True
            self._done.append("its background is transparent")
        elif Change.CUT_OUT in asked.changes:
            self._picture = over(clean, self._alpha, np.ones_like(clean))
            self._done.append("its background is white, for a JPEG cannot be transparent")
        if Change.BLUR_BACKGROUND in asked.changes:
            far = soft(soft(_behind(self._picture, self._alpha, share=0.6)))
            self._picture = over(clean, self._alpha, far)
            self._done.append("its background is blurred")

    def light(self, time: str) -> None:
        if time != "day":
            self._picture = at_time(self._picture, time)
            self._done.append("it is lit as by night" if time == "night" else "it is lit as at sunset")

    def borrow(self, asked: EditRequest, own: Sequence[Pixels]) -> None:
        if asked.colours_from:
            self._picture = with_colours_of(self._picture, own[asked.colours_from])
            self._done.append(f"its colours are those of image[{asked.colours_from + 1}]")
        if asked.style_from:
            self._picture, self._network = with_style_of(self._picture, own[asked.style_from]), True
            self._done.append(
                f"a small neural network carried the strokes and colours of image[{asked.style_from + 1}] over to it"
            )

    def style(self, style: str | None) -> None:
        if style is not None and style in LOOKS:
            self._picture = styled(self._picture, style)
            self._done.append(f"it looks like {LOOKS[style][1]}")

    def adjust(self, changes: Sequence[Change]) -> None:
        for change, (function, clause) in WHOLE.items():
            if change in changes:
                self._picture = function(self._picture)
                self._turn_mask(change)
                self._done.append(clause)

    def _turn_mask(self, change: Change) -> None:
        if change in (Change.MIRROR, Change.FLIP, Change.LEFT, Change.RIGHT):
            self._alpha = WHOLE[change][0](self._alpha)

    def _whose(self) -> str:
        return "its subject" if self._subject.found else "the whole picture, in which no subject stood out,"


def fitted(subject: Subject, width: int, height: int) -> Subject:
    """The picture at another size; where the shape differs, the middle part round the subject is kept."""
    rows, columns = subject.alpha.shape
    share = max(width / columns, height / rows)
    wide, tall = min(columns, round(width / share)), min(rows, round(height / share))
    y, x = _centre(subject.alpha)
    top, left = int(np.clip(y - tall / 2, 0, rows - tall)), int(np.clip(x - wide / 2, 0, columns - wide))
    window = np.s_[top : top + tall, left : left + wide]

    def sized(pixels: Pixels) -> Pixels:
        return np.clip(resized(np.ascontiguousarray(pixels[window]), width, height), 0, 1)

    whole = None if subject.whole is None else sized(subject.whole)
    return replace(subject, picture=sized(subject.picture), alpha=sized(subject.alpha), whole=whole)


def _behind(picture: Pixels, alpha: Pixels, share: float = 1.0) -> Pixels:
    """The background as if nobody stood before it: its colours are carried into the gap."""
    hidden = smoothstep(0.02, 0.25, blurred(alpha, max(alpha.shape) / 300))
    around = inpainted(picture, (1 - hidden).astype(np.float32))
    return over(around, (hidden * share).astype(np.float32), picture)


def _centre(alpha: Pixels) -> tuple[float, float]:
    y, x = np.nonzero(alpha > 0.5)
    if not y.size:
        return alpha.shape[0] / 2, alpha.shape[1] / 2
    return float(y.min() + y.max()) / 2, float(x.min() + x.max()) / 2


def _foot(alpha: Pixels) -> tuple[float, float]:
    y, x = np.nonzero(alpha > 0.5)
    return (float(y.max()), float(x.min() + x.max()) / 2) if y.size else _centre(alpha)


def _plain(paint: Paint, alpha: Pixels) -> Pixels:
    """An even colour, a little lighter round the middle as a lit paper is; pure white stays pure."""
    height, width = alpha.shape
    if paint.neutral == "white":
        return np.ones((height, width, 3), np.float32)
    x, y = grid(height, width)
    fall = smoothstep(0.1, 0.95, np.hypot(x / width - 0.5, y / height - 0.42))
    return np.clip(_flat(paint) * (1.05 - 0.2 * fall)[..., None], 0, 1).astype(np.float32)


def _flat(paint: Paint) -> Pixels:
    if paint.neutral is not None:
        return np.full(3, sum(NEUTRALS[paint.neutral]) / 2 * (0.35 if paint.neutral == "black" else 1.0), np.float32)
    if paint.material is not Material.PLAIN:
        return np.array(RAMPS[paint.material][2], np.float32)
    value = 0.5 if paint.hue == BROWN else 0.86
    flat: Pixels = from_hsv(*(np.full((1, 1), part, np.float32) for part in (paint.hue or 0.0, 0.78, value)))[0, 0]
    return flat


def _named(paint: Paint) -> str:
    """The colour's name: of a hue, the first of its words."""
    if paint.hue is not None:
        return str(lexicon()["colours"][f"{paint.hue:g}"][0])
    return paint.neutral or paint.material.value
