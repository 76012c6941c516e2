"""The world behind and under the things: sky, land in layers, a floor in perspective, and the light over it all.

Everything far is softened like a photograph of a small model would be, so that the eye goes to the things.
"""

from collections.abc import Callable

import numpy as np

from limner_builtin.raster.pixels import Pixels, blurred, colour, mixed, over, smoothstep
from limner_builtin.raster.sprite import paste
from limner_builtin.reading.meaning import Setting
from limner_builtin.scene import floors, lands, skies
from limner_builtin.scene.palettes import palette_of
from limner_builtin.scene.scenery import ROCK, Prop, scenery
from limner_builtin.scene.studio import STUDIO_HUES, Backdrop, studio
from limner_builtin.scene.view import Viewpoint
from limner_builtin.sprites.materials import Paint
from limner_builtin.sprites.sprite_box import SpriteBox

Step = Callable[[Viewpoint], None]

SKIES: dict[str, Step] = {
    "space": skies.deep_space,
    "alien": skies.alien_sky,
    "lava": skies.glowing_sky,
    "underwater": skies.sunbeams,
    "room": skies.no_sky,
    "cave": skies.no_sky,
}
LANDS: dict[str, Step] = {
    "mountains": lands.peaks,
    "beach": lands.far_shore,
    "sea": lands.far_shore,
    "desert": lands.dunes,
    "city": lands.skyline,
    "space": lands.flat,
    "alien": lands.rocks,
    "lava": lands.rocks,
    "cave": lands.rocks,
    "underwater": lands.dunes,
    "room": lands.wall,
    "sky": lands.flat,
}
FLOORS: dict[str, floors.Pattern] = {
    "meadow": floors.grass,
    "forest": floors.grass,
    "mountains": floors.grass,
    "beach": floors.sand,
    "desert": floors.sand,
    "underwater": floors.sand,
    "city": floors.pavement,
    "room": floors.planks,
    "sea": floors.waves,
    "space": floors.craters,
    "alien": floors.craters,
    "lava": floors.embers,
    "cave": floors.craters,
    "sky": floors.cloud_floor,
}
PROP_SIDE = 256
FAR_HAZE, NEAR_HAZE, AIR_HAZE = 0.62, 0.06, 0.25


def backdrop(setting: Setting, width: int, height: int, rng: np.random.Generator, sprites: SpriteBox) -> Backdrop:
    place = setting.shown
    if place == "studio":
        return studio(width, height, float(STUDIO_HUES[int(rng.integers(len(STUDIO_HUES)))]))
    view = Viewpoint(setting, palette_of(setting), width, height, rng)
    skies.gradient(view)
    SKIES.get(place, skies.open_sky)(view)
    LANDS.get(place, lands.hills)(view)
    floors.laid(view, FLOORS.get(place, floors.soil))
    if place == "beach":
        floors.shore(view)
    for prop in sorted(scenery(setting, rng), key=lambda prop: prop.foot):
        _stand(view, prop, sprites)
    _focus(view)
    if setting.weather == "fog":
        _mist(view)
    return Backdrop(np.clip(view.canvas, 0, 1), view.palette)


def _stand(view: Viewpoint, prop: Prop, sprites: SpriteBox) -> None:
    tall = int(prop.tall * view.unit)
    sprite = sprites.emoji(prop.code, Paint(), min(PROP_SIDE, tall))
    wide = max(1, int(tall * sprite.width / sprite.height))
    sprite = sprite.fitted(wide, tall)
    if view.rng.random() < 0.5:
        sprite = sprite.mirrored()
    foot = _foot(view, prop)
    if prop.grounded:
        _prop_shadow(view, prop.x, foot, wide)
    picture = _lit(view, prop, sprite.picture, sprite.alpha)
    paste(view.canvas, picture, sprite.alpha, int(prop.x * view.width) - wide // 2, foot - tall)


def _foot(view: Viewpoint, prop: Prop) -> int:
    if prop.grounded:
        return view.skyline + int(prop.foot * (view.height - view.skyline))
    return int(-prop.foot * view.height)


def _lit(view: Viewpoint, prop: Prop, picture: Pixels, alpha: Pixels) -> Pixels:
    haze = float(np.clip(FAR_HAZE - 1.6 * prop.foot, NEAR_HAZE, FAR_HAZE)) if prop.grounded else AIR_HAZE
    lit = picture * colour(*view.palette.tint) * np.float32(0.62 if view.setting.time == "night" else 1)
    if prop.code == ROCK:
        lit = lit * mixed((1, 1, 1), view.palette.near_ground, 0.75)
    lit = lit * (1 - haze) + colour(*view.palette.haze) * haze
    return over(colour(0.97, 0.98, 1.0), _snowcap(alpha), lit) if view.setting.weather == "snow" else lit


def _snowcap(alpha: Pixels) -> Pixels:
    """Snow lies where the silhouette turns upwards."""
    drop = max(2, alpha.shape[0] // 14)
    above = np.pad(alpha, ((drop, 0), (0, 0)))[: alpha.shape[0]]
    return blurred(np.clip(alpha - above, 0, 1), 1.0) * np.float32(0.85)


def _prop_shadow(view: Viewpoint, x: float, foot: int, wide: int) -> None:
    top, bottom = max(view.skyline, foot - wide // 5), min(view.height, foot + wide // 5)
    if bottom <= top:
        return
    window = view.canvas[top:bottom]
    dx = (view.x - x * view.width - wide * 0.1) / (wide * 0.55)
    dy = (view.y[top:bottom] - foot + wide * 0.02) / (wide * 0.11)
    window -= (np.exp(-(dx**2) - dy**2) * 0.4)[..., None] * (window - colour(*view.palette.shadow))


def _focus(view: Viewpoint) -> None:
    """Sharp where the things stand, softer towards the skyline and beyond."""
    soft = blurred(view.canvas, view.unit / 230)
    t = (view.y - view.skyline) / max(1, view.height - view.skyline)
    sharp = smoothstep(0.02, 0.45, t) * (1 - smoothstep(0.8, 1.1, t) * 0.6)
    view.canvas = soft + (view.canvas - soft) * sharp[..., None]


def _mist(view: Viewpoint) -> None:
    band = np.exp(-(((view.y - view.skyline) / (view.height * 0.2)) ** 2)) * (0.5 + 0.4 * view.noise(2, 4))
    view.canvas = over(colour(*view.palette.haze), np.clip(band, 0, 0.85), view.canvas)
