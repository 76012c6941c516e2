"""Taking a head and the colours of the clothes from a picture, for a body that has to be built."""

import numpy as np

from limner_builtin.networks.cutout import Subject
from limner_builtin.networks.faces import FacePose
from limner_builtin.raster.pixels import Pixels, blurred, grid, luma, smoothstep
from limner_builtin.raster.sprite import Sprite
from limner_builtin.sprites.dolls import Clothes, DollHead, Rgb

TONES = 5
"""Steps of each channel by which colours count as equal."""

FULL_BODY = 3.2
"""A subject reaching further below the chin than this many face heights shows its legs."""


def head_of(subject: Subject, face: FacePose) -> DollHead:
    """Hair, hat and ears included; what hangs below the chin fades away inside an oval."""
    x, y = grid(*subject.alpha.shape)
    jaw = (face.chin - face.eyes[1]) * 1.04
    below = np.maximum(y - face.eyes[1], 0) / jaw
    across = np.abs(x - face.eyes[0]) / (face.width * 0.8)
    oval = 1 - smoothstep(0.94, 1.06, np.hypot(across * (below > 0), below))
    above = 1 - smoothstep(1.6, 1.75, np.abs(x - face.eyes[0]) / face.width)
    window = np.where(y <= face.eyes[1] + jaw * 0.5, above, np.maximum(oval, _ears(x, y, face, jaw)))
    alpha = (blurred(window.astype(np.float32), 1.0) * subject.alpha).astype(np.float32)
    rows, columns = np.nonzero((alpha > 0.1).any(1))[0], np.nonzero((alpha > 0.1).any(0))[0]
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    sprite = Sprite(subject.picture[top:bottom, left:right], alpha[top:bottom, left:right])
    return DollHead(sprite, chin=(face.chin - top) / (bottom - top), axis=(face.eyes[0] - left) / (right - left))


def _ears(x: Pixels, y: Pixels, face: FacePose, jaw: float) -> Pixels:
    """Ears and hair beside the cheeks, down to the mouth."""
    beside = 1 - smoothstep(1.0, 1.1, np.abs(x - face.eyes[0]) / (face.width * 0.86))
    return beside * (1 - smoothstep(0.45, 0.6, (y - face.eyes[1]) / jaw))


def clothes_of(subject: Subject, face: FacePose) -> Clothes:
    rows = np.nonzero((subject.alpha > 0.5).any(1))[0]
    foot, tall = float(rows[-1]), face.height
    skin = _sample(subject, (face.x - face.width * 0.2, face.mouth[1] - tall * 0.12), tall * 0.07)
    skin = skin or _sample(subject, (face.x, face.eyes[1] + tall * 0.15), tall * 0.1) or (0.85, 0.66, 0.54)
    top = _torso(subject, face) or (0.5, 0.5, 0.55)
    if foot - face.chin < FULL_BODY * tall:
        return Clothes(skin, top, top, _darker(top, 0.5), _darker(top, 0.26), skin)
    reach = foot - face.chin
    bottom = _row(subject, face.chin + reach * 0.7) or _darker(top, 0.5)
    shoes = _row(subject, foot - reach * 0.035) or _darker(bottom, 0.4)
    return Clothes(skin, top, top, bottom, shoes, skin)


def clothes_of_colour(tone: Rgb) -> Clothes:
    return Clothes(tone, tone, tone, _darker(tone, 0.8), _darker(tone, 0.6), tone)


def _sample(subject: Subject, centre: tuple[float, float], reach: float) -> Rgb | None:
    """The middle colour of a small window, opaque pixels only."""
    x, y = centre
    window = np.s_[max(0, int(y - reach)) : int(y + reach) + 1, max(0, int(x - reach)) : int(x + reach) + 1]
    return _middle(subject.picture[window][subject.alpha[window] > 0.6])


def _torso(subject: Subject, face: FacePose) -> Rgb | None:
    """The colour that most of the chest has, from below the collar to the waist."""
    wide, tall = face.width * 1.2, face.height
    rows = slice(max(0, int(face.chin + tall * 0.5)), max(0, int(face.chin + tall * 2.3)))
    columns = slice(max(0, int(face.eyes[0] - wide)), max(0, int(face.eyes[0] + wide)))
    pixels = subject.picture[rows, columns][subject.alpha[rows, columns] > 0.6]
    if len(pixels) < 4:
        return None
    bins = (np.clip(pixels, 0, 0.999) * TONES).astype(np.int32) @ (TONES * TONES, TONES, 1)
    red, green, blue = (float(part) for part in pixels[bins == np.bincount(bins).argmax()].mean(0))
    return red, green, blue


def _row(subject: Subject, y: float) -> Rgb | None:
    window = np.s_[max(0, int(y) - 3) : int(y) + 4]
    return _middle(subject.picture[window][subject.alpha[window] > 0.8])


def _middle(pixels: Pixels) -> Rgb | None:
    """The pixel of median brightness: a colour that is really there, unlike a mean."""
    if len(pixels) < 4:
        return None
    order = np.argsort(luma(pixels[None])[0], kind="stable")
    red, green, blue = (float(part) for part in pixels[order[len(order) // 4 : 3 * len(order) // 4 + 1]].mean(0))
    return red, green, blue


def _darker(tone: Rgb, factor: float) -> Rgb:
    return tone[0] * factor, tone[1] * factor, tone[2] * factor
