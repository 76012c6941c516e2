"""Setting the things of a reading into their place, each in the light of that place and with its shadow."""

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from limner_builtin.raster.pixels import Pixels, colour, grid, smoothstep, to_hsv
from limner_builtin.raster.sprite import Sprite, paste
from limner_builtin.reading.meaning import Reading, Relation, Thing
from limner_builtin.reading.vocabulary import Vocabulary, WordKind, flying, folded, seat, stature, swimming
from limner_builtin.scene.grading import falling, graded
from limner_builtin.scene.layout import BACK, FAR_SKY, TALLEST, Box, LayoutBody, arranged
from limner_builtin.scene.plates import backdrop, podium
from limner_builtin.scene.shadows import reflect, shadow
from limner_builtin.scene.shapes import solids
from limner_builtin.scene.studio import STUDIO_HUES, Backdrop, studio
from limner_builtin.sprites.materials import BROWN, RAMPS, Paint
from limner_builtin.sprites.sprite_box import SpriteBox
from limner_builtin.sprites.subjects import rounded_base, subject_head

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A subject of the caller's picture. `cut` says that the picture's lower edge cut it off."""

    sprite: Sprite
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SceneStage:
    """What composing needs at hand."""

    sprites: SpriteBox
    vocabulary: Vocabulary
    progress: Progress
    paper: Paint | None = None
    """The colour of the background, where one was asked for and no place was."""


HOVERING_PLACES = frozenset({"underwater"})
TALLEST_IN = {"room": 0.56, "kitchen": 0.56, "library": 0.58, "hall": 0.6, "city": 0.6, "harbour": 0.6, "stage": 0.6}
"""Where furniture, doors or lamps give a scale, things are smaller than elsewhere."""

AFLOAT_PLACES = frozenset({"sea"})
SETTLING = frozenset({Relation.ON, Relation.RIDE, Relation.INSIDE, Relation.WEAR, Relation.HOLD})
"""What flies otherwise does not while it sits on something, rides, wears or holds it."""


def composed(
    reading: Reading,
    size: tuple[int, int],
    rng: np.random.Generator,
    stage: SceneStage,
    cutouts: Sequence[Cutout] = (),
) -> Pixels:
    """The whole picture for a reading."""
    things = _shown(reading.things, stage.vocabulary)
    drafts = [_sprite(thing, stage, cutouts, 0) for thing in things]
    stage.progress(20)
    back = _behind(reading, size, rng, stage, drafts)
    stage.progress(40)
    place = reading.setting.shown
    bodies = _bodies(things, drafts, place, cutouts)
    boxes = arranged(bodies, *size, back.palette.horizon, tallest=TALLEST_IN.get(place, TALLEST))
    canvas = back.picture.copy()
    for number, box in enumerate(boxes):
        # what stands far behind is soft anyway, so it is not worth enlarging well
        sprite = _sprite(
            things[box.body], stage, cutouts, 0 if BACK <= box.far < FAR_SKY else max(box.width, box.height)
        )
        _set(canvas, sprite, box, back, place)
        stage.progress(40 + 50 * (number + 1) // len(boxes))
    return graded(falling(canvas, reading.setting, rng))


def grouped(reading: Reading, size: int, stage: SceneStage) -> Sprite:
    """The things alone, as one cut-out, for templates that go on with them."""
    things = _shown(reading.things, stage.vocabulary)
    drafts = [_sprite(thing, stage, (), 0) for thing in things]
    bodies = _bodies(things, drafts, "studio", ())
    picture, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    for box in arranged(bodies, size, size):
        sprite = _fitted(_sprite(things[box.body], stage, (), max(box.width, box.height)), box)
        paste(picture, sprite.picture, sprite.alpha, box.left, box.top)
        layer = np.zeros((size, size, 3), np.float32)
        paste(layer, np.ones_like(sprite.picture), sprite.alpha, box.left, box.top)
        alpha = np.maximum(alpha, layer[..., 0])
    # straight colours again: the canvas under the sprites was black
    return Sprite(np.clip(picture / np.maximum(alpha, 0.05)[..., None], 0, 1), alpha)


def _shown(things: tuple[Thing, ...], vocabulary: Vocabulary) -> list[Thing]:
    """Who wears something is shown from the front, and a costumed figure already carries its blade."""
    shown = [thing for before, thing in zip((None, *things), things, strict=False) if not _carried(before, thing)]
    things = tuple(shown)
    for index, thing in enumerate(things[1:], 1):
        wearer = shown[index - 1]
        if thing.relation is Relation.WEAR and wearer.asset is not None:
            shown[index - 1] = replace(wearer, asset=vocabulary.facing(wearer.asset))
    return shown


def _carried(bearer: Thing | None, thing: Thing) -> bool:
    if bearer is None or bearer.asset is None or thing.asset is None or thing.relation is not Relation.HOLD:
        return False
    return bearer.asset.kind is WordKind.DOLL and thing.asset.dress == "blade"


def _sprite(thing: Thing, stage: SceneStage, cutouts: Sequence[Cutout], size: int) -> Sprite:
    if thing.reference is not None:
        return cutouts[thing.reference].sprite
    assert thing.asset is not None  # noqa: S101 - a thing is a reference or has a picture
    match thing.asset.kind:
        case WordKind.ICON:
            return stage.sprites.icon(thing.asset.key, thing.paint, thing.asset.dress)
        case WordKind.DOLL:
            return stage.sprites.doll(thing.asset.key, thing.paint, thing.asset.dress)
        case WordKind.EMOJI:
            return _figurine(thing.asset.key, thing.paint, stage, size)
        case _:
            assert_never(thing.asset.kind)


def _figurine(code: str, paint: Paint, stage: SceneStage, size: int) -> Sprite:
    return rounded_base(stage.sprites.emoji(code, paint, size), code)


def _bodies(
    things: Sequence[Thing], drafts: Sequence[Sprite], place: str, cutouts: Sequence[Cutout]
) -> list[LayoutBody]:
    following = [*things[1:], None][: len(things)]
    return [_body(*each, place, cutouts) for each in zip(things, drafts, following, strict=True)]


def _body(thing: Thing, sprite: Sprite, after: Thing | None, place: str, cutouts: Sequence[Cutout]) -> LayoutBody:
    aspect = sprite.width / sprite.height
    if thing.asset is None:
        cutout = cutouts[thing.reference or 0]
        return LayoutBody(aspect, 1.3 * thing.scale, thing.relation, cut=cutout.cut, head=subject_head(sprite))
    name = folded(thing.asset.name)
    settled = after is not None and after.relation in SETTLING
    hovers = name in flying() or (place in HOVERING_PLACES and name in swimming())
    return LayoutBody(
        aspect,
        stature(thing.asset) ** 0.7 * thing.scale / max(1.0, aspect) ** 0.5,
        thing.relation,
        thing.count,
        aloft=hovers and not settled,
        spanning=name == "rainbow",
        head=subject_head(sprite),
        glasses="glasses" in name or name == "goggles",
        seat=seat(thing.asset),
    )


def _behind(
    reading: Reading,
    size: tuple[int, int],
    rng: np.random.Generator,
    stage: SceneStage,
    drafts: Sequence[Sprite],
) -> Backdrop:
    if stage.paper and reading.setting.shown == "studio":
        return studio(*size, *_paper_of(stage.paper))
    if reading.setting.shown != "studio":
        return backdrop(reading.setting, size, rng)
    paper = _paper(drafts[0], rng) if drafts else (float(rng.choice(STUDIO_HUES)), 0.16)
    return podium(size, *paper, rng)


def _paper_of(paint: Paint) -> tuple[float, float, float]:
    """Hue, strength and brightness of paper in a colour that was asked for."""
    if paint.neutral is not None:
        return 30.0, 0.0, {"white": 1.3, "grey": 0.62, "black": 0.17}[paint.neutral]
    if paint.hue is not None:
        return paint.hue, 0.62, 0.62 if paint.hue == BROWN else 0.95
    red, green, blue = RAMPS[paint.material][2]
    hue, strength, value = colorsys.rgb_to_hsv(red, green, blue)
    return hue * 360, strength, value


def _paper(sprite: Sprite, rng: np.random.Generator) -> tuple[float, float]:
    """Paper that flatters the subject: across the colour wheel from it, or a neighbour of its hue."""
    hue, saturation, value = to_hsv(sprite.picture)
    weight = saturation * value * (sprite.alpha > 0.5)
    counts, edges = np.histogram(hue, bins=24, range=(0, 360), weights=weight)
    turn = (180.0, 155.0, 205.0, 28.0)[int(rng.integers(4))] + float(rng.uniform(-14, 14))
    return float(edges[int(counts.argmax())] + 7.5 + turn) % 360, 0.19


def _fitted(sprite: Sprite, box: Box) -> Sprite:
    sprite = sprite.fitted(box.width, box.height)
    return sprite.mirrored() if box.mirrored else sprite


def _set(canvas: Pixels, sprite: Sprite, box: Box, back: Backdrop, place: str) -> None:
    sprite = _fitted(sprite, box)
    if box.grounded and place in AFLOAT_PLACES:
        sprite = Sprite(sprite.picture, sprite.alpha * _waterline(sprite.alpha.shape))
        reflect(canvas, sprite, box, 0.28)
    elif box.grounded:
        strength = 0.75 if place in ("space", "studio") else 0.95
        shadow(canvas, sprite.alpha, box, back.palette.shadow, strength, mirrored=back.mirrored)
    paste(canvas, _relit(sprite, box, back), sprite.alpha, box.left, box.top)


def _relit(sprite: Sprite, box: Box, back: Backdrop) -> Pixels:
    """The light of the place on the thing: its tint, a little more from above, a little haze if far."""
    _, y = grid(*sprite.alpha.shape)
    fall = 1.03 - 0.14 * smoothstep(0.55, 1.05, y / sprite.height) if box.grounded else np.ones_like(y)
    lit = sprite.picture * colour(*back.palette.tint) * fall[..., None]
    haze = float(np.clip(0.1 * box.far, 0, 0.2)) if box.far < 5 else 0.06
    return lit * (1 - haze) + colour(*back.palette.haze) * haze


def _waterline(shape: tuple[int, int]) -> Pixels:
    _, y = grid(*shape)
    return (1 - smoothstep(0.88, 0.95, y / shape[0])) + np.zeros(shape, np.float32)


def still_life(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Clay shapes in studio light, for a prompt of which nothing could be drawn."""
    back = studio(width, height, float(rng.choice([28, 205, 340, 160, 262])), 0.2)
    canvas = back.picture.copy()
    for sprite, box in solids(width, height, rng):
        reflect(canvas, sprite, box, 0.12)
        shadow(canvas, sprite.alpha, box, back.palette.shadow, 0.9)
        paste(canvas, sprite.picture, sprite.alpha, box.left, box.top)
    return graded(canvas)
