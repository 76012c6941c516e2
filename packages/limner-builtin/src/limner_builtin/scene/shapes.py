"""Plain solids, for pictures about nothing in particular: a ball, a cube, a cone, a ring, an arch."""

import numpy as np
from PIL import Image, ImageDraw

from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import Pixels, blurred, colour, grid, smoothstep, to_pixels
from limner_builtin.raster.shading import Finish, pigment, shaded
from limner_builtin.raster.sprite import Sprite
from limner_builtin.reading.meaning import Relation
from limner_builtin.scene.layout import Box, LayoutBody, arranged

SIZE = 420
MATTE = Finish(roughness=0.55, rim=0.2)
FAMILIES = (
    ((0.93, 0.52, 0.4), (0.97, 0.8, 0.52), (0.42, 0.62, 0.66), (0.95, 0.9, 0.84), (0.3, 0.38, 0.52)),
    ((0.55, 0.72, 0.6), (0.95, 0.84, 0.62), (0.89, 0.55, 0.48), (0.97, 0.94, 0.88), (0.36, 0.45, 0.44)),
    ((0.72, 0.6, 0.86), (0.98, 0.76, 0.66), (0.5, 0.72, 0.85), (0.97, 0.93, 0.95), (0.4, 0.36, 0.56)),
)


def solids(width: int, height: int, rng: np.random.Generator) -> list[tuple[Sprite, Box]]:
    tones = [FAMILIES[int(rng.integers(len(FAMILIES)))][int(i)] for i in rng.permutation(5)]
    makers = (_ring, _ball, _pebble, _arch, _cone)
    sprites = [make(colour(*tone)) for make, tone in zip(makers, tones, strict=True)]
    sizes = (0.95, 1.1, 0.5, 1.5, 1.7)
    relations = (Relation.BESIDE, Relation.BESIDE, Relation.BESIDE, Relation.FRONT, Relation.BESIDE)
    bodies = [
        LayoutBody(sprite.width / sprite.height, tall, relation=relation)
        for sprite, tall, relation in zip(sprites, sizes, relations, strict=True)
    ]
    return [(_at(sprites[box.body], box), box) for box in arranged(bodies, width, height)]


def _at(sprite: Sprite, box: Box) -> Sprite:
    return sprite.fitted(box.width, box.height)


def _solid(mask: Pixels, thickness: float, tone: Pixels) -> Sprite:
    height = blurred(inflated(mask, SIZE * thickness), 1.5)
    picture = shaded(height, np.broadcast_to(pigment(tone), (*mask.shape, 3)), MATTE, scale=SIZE)
    rows, columns = np.nonzero(mask.max(1) > 0.05)[0], np.nonzero(mask.max(0) > 0.05)[0]
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Sprite(picture[window], mask[window])


def _drawn(*shapes: tuple[str, list[float], int]) -> Pixels:
    image = Image.new("L", (SIZE * 2, SIZE * 2))
    pen = ImageDraw.Draw(image)
    for kind, points, tone in shapes:
        scaled = [point * SIZE * 2 for point in points]
        if kind == "ellipse":
            pen.ellipse(scaled, fill=tone)
        else:
            pen.polygon(scaled, fill=tone)
    return to_pixels(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _ball(tone: Pixels) -> Sprite:
    return _solid(_drawn(("ellipse", [0.1, 0.1, 0.9, 0.9], 255)), 3.0, tone)


def _ring(tone: Pixels) -> Sprite:
    return _solid(
        _drawn(("ellipse", [0.08, 0.08, 0.92, 0.92], 255), ("ellipse", [0.34, 0.34, 0.66, 0.66], 0)), 1.0, tone
    )


def _pebble(tone: Pixels) -> Sprite:
    return _solid(_drawn(("ellipse", [0.06, 0.3, 0.94, 0.8], 255)), 1.2, tone)


def _arch(tone: Pixels) -> Sprite:
    x, y = grid(SIZE, SIZE)
    outer = np.where(y < SIZE * 0.5, np.hypot(x - SIZE / 2, y - SIZE * 0.5), np.abs(x - SIZE / 2)) - SIZE * 0.42
    inner = np.where(y < SIZE * 0.5, np.hypot(x - SIZE / 2, y - SIZE * 0.5), np.abs(x - SIZE / 2)) - SIZE * 0.2
    mask = (1 - smoothstep(-0.8, 0.8, outer)) * smoothstep(-0.8, 0.8, inner) * (y < SIZE * 0.97)
    return _solid(mask.astype(np.float32), 0.3, tone)


def _cone(tone: Pixels) -> Sprite:
    """A cone is lit as what it is: its slope leans to the side by the distance from the axis."""
    x, y = grid(SIZE, SIZE)
    half = np.maximum((y - SIZE * 0.06) * 0.42, 0.01)
    across = (x - SIZE / 2) / half
    base = SIZE * 0.86 + np.sqrt(np.clip(1 - across**2, 0, 1)) * SIZE * 0.07
    mask = (1 - smoothstep(0.97, 1.01, np.abs(across))) * (1 - smoothstep(-1, 1, y - base)) * (y > SIZE * 0.06)
    height = np.sqrt(np.clip(1 - across**2, 0, 1)) * half
    picture = shaded(
        blurred(height.astype(np.float32), 2), np.broadcast_to(pigment(tone), (SIZE, SIZE, 3)), MATTE, scale=SIZE
    )
    rows, columns = np.nonzero(mask.max(1) > 0.05)[0], np.nonzero(mask.max(0) > 0.05)[0]
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Sprite(picture[window], mask[window].astype(np.float32))
