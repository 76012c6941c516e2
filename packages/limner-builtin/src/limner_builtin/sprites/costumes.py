"""Figures for people that the emoji lack: a head made of an icon, a body in its colours, a weapon at hand."""

import numpy as np

from limner_builtin.raster.pixels import Pixels
from limner_builtin.raster.shading import Finish
from limner_builtin.raster.sprite import Sprite, cropped, paste
from limner_builtin.sprites.dolls import CLOTH, Clothes, DollHead, Pose, Rgb, doll
from limner_builtin.sprites.materials import Paint
from limner_builtin.sprites.toys import toy_of

SIZE = 720
ARMOUR = Finish(roughness=0.34, metal=0.3, rim=0.32)
WEAPON_TALL = 0.46
SKIN = (0.93, 0.74, 0.6)


def weapon_of(dress: str) -> tuple[str, Paint, str]:
    return ("katana", Paint(), "blade") if dress == "red" else ("broadsword", Paint(), "blade")


def costumed(head: Sprite, weapon: Sprite, paint: Paint, dress: str) -> Sprite:
    toy = toy_of(paint, dress)
    figure = doll(
        DollHead(head, chin=0.93),
        _clothes(toy.trim, toy.accent, toy.body),
        Pose.A,
        SIZE,
        ARMOUR if toy.finish.metal else CLOTH,
    )
    return _armed(figure, weapon)


def _clothes(main: Rgb, trim: Rgb, dark: Rgb) -> Clothes:
    soft = _between(main, dark, 0.35)
    return Clothes(
        skin=SKIN, top=main, sleeves=soft, bottom=_between(main, dark, 0.6), shoes=dark, hands=_between(trim, dark, 0.3)
    )


def _between(first: Rgb, second: Rgb, share: float) -> Rgb:
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def _armed(figure: Sprite, weapon: Sprite) -> Sprite:
    """The blade leans outwards from the hand on the left of the picture."""
    tall = round(SIZE * WEAPON_TALL)
    blade = weapon.fitted(round(tall * weapon.width / weapon.height), tall).mirrored()
    hand_x, hand_y = round(SIZE * 0.215), round(SIZE * 0.61)
    left, top = hand_x - round(blade.width * 0.86), hand_y - round(tall * 0.86)
    pad = max(0, -left)
    picture, alpha = _widened(figure.picture, pad), _widened(figure.alpha, pad)
    cover = _widened(figure.picture * 0, pad)
    paste(picture, blade.picture, blade.alpha, left + pad, top)
    paste(cover, blade.picture * 0 + 1, blade.alpha, left + pad, top)
    return cropped(picture, np.maximum(alpha, cover[..., 0]))


def _widened(pixels: Pixels, pad: int) -> Pixels:
    return np.pad(pixels, ((0, 0), (pad, 0)) + ((0, 0),) * (pixels.ndim - 2))
