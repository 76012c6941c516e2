"""The box that all sprites are taken from: emoji as they are, icons as toys, costumed figures."""

from collections import OrderedDict

import numpy as np
from PIL import Image

from limner_builtin.assets import emoji_picture, modelled_picture
from limner_builtin.networks.enlarging import WORTH_IT, bled, enlarged_cutout
from limner_builtin.raster.pixels import Pixels, to_pixels
from limner_builtin.raster.sprite import Sprite
from limner_builtin.sprites.costumes import costumed, weapon_of
from limner_builtin.sprites.materials import Paint, painted
from limner_builtin.sprites.toys import toy

CACHE_BYTES = 96 * 2**20


class SpriteBox:
    """Draws sprites and remembers the large ones, up to a bound in bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bool, Paint, str], Sprite] = OrderedDict()
        self._bytes = 0

    def emoji(self, code: str, paint: Paint, size: int) -> Sprite:
        large = size > 256 * WORTH_IT
        sprite = self._recalled(("emoji:" + code, large, paint, ""))
        if sprite is None:
            sprite = _emoji(code, paint, large=large)
            self._remember(("emoji:" + code, large, paint, ""), sprite)
        return sprite

    def icon(self, name: str, paint: Paint, dress: str = "") -> Sprite:
        key = ("icon:" + name, True, paint, dress)
        sprite = self._recalled(key)
        if sprite is None:
            sprite = _modelled_icon(name, paint) or toy(name, paint, dress)
            self._remember(key, sprite)
        return sprite

    def doll(self, name: str, paint: Paint, dress: str) -> Sprite:
        """A figure that wears the icon as its head and carries a blade."""
        key = ("doll:" + name, True, paint, dress)
        sprite = self._recalled(key)
        if sprite is None:
            sprite = costumed(self.icon(name, paint, dress), self.icon(*weapon_of(dress)), paint, dress)
            self._remember(key, sprite)
        return sprite

    def _recalled(self, key: tuple[str, bool, Paint, str]) -> Sprite | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _remember(self, key: tuple[str, bool, Paint, str], sprite: Sprite) -> None:
        self._kept[key] = sprite
        self._bytes += _weight(sprite)
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _weight(dropped)


def _weight(sprite: Sprite) -> int:
    return sprite.picture.nbytes + sprite.alpha.nbytes


def _emoji(code: str, paint: Paint, *, large: bool) -> Sprite:
    body = modelled_picture(code)
    picture, alpha = _painted(body or emoji_picture(code), paint)
    if large and body is None:
        picture, alpha = enlarged_cutout(picture, alpha)
    return Sprite(np.ascontiguousarray(picture), np.ascontiguousarray(alpha))


def _modelled_icon(name: str, paint: Paint) -> Sprite | None:
    image = modelled_picture(f"icon-{name}")
    if image is None:
        return None
    picture, alpha = _painted(image, paint)
    return Sprite(np.ascontiguousarray(picture), np.ascontiguousarray(alpha))


def _painted(image: Image.Image, paint: Paint) -> tuple[Pixels, Pixels]:
    whole = to_pixels(image.crop(image.getbbox()))
    picture, alpha = whole[..., :3], whole[..., 3]
    return painted(bled(picture, alpha), alpha, paint), alpha
