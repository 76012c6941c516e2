"""Draws the pictures of the built-in templates: `python scripts/draw_template_pictures.py [folder]`.

Bodies are distance fields, met by walking along each ray of an orthographic camera. The arithmetic is addition,
multiplication and square roots alone, which IEEE 754 fixes to the last bit, so every machine draws the same pixels.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TEMPLATES = Path(__file__).parent.parent / "src" / "limner" / "templates"

Field = NDArray[Any]
"""One number a point, or a picture of such."""


@dataclass(frozen=True, slots=True)
class Vec:
    """Points, or a single direction: three arrays of one shape, or three numbers."""

    x: Field
    y: Field
    z: Field

    def __add__(self, other: "Vec") -> "Vec":
        return Vec(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other: "Vec") -> "Vec":
        return Vec(self.x - other.x, self.y - other.y, self.z - other.z)

    def __mul__(self, by: Field) -> "Vec":
        return Vec(self.x * by, self.y * by, self.z * by)

    def __getitem__(self, which: NDArray[np.generic]) -> "Vec":
        return Vec(self.x[which], self.y[which], self.z[which])

    def dot(self, other: "Vec") -> Field:
        return self.x * other.x + self.y * other.y + self.z * other.z

    def length(self) -> Field:
        return np.sqrt(self.dot(self))

    def unit(self) -> "Vec":
        return self * (1 / np.maximum(self.length(), number(1e-9)))


Body = Callable[[Vec], Field]
"""How far a point is from a surface, below zero inside."""


def number(value: float) -> Field:
    return np.asarray(value, dtype=np.float32)


def vec(x: float, y: float, z: float) -> Vec:
    return Vec(number(x), number(y), number(z))


ORIGIN = vec(0, 0, 0)


# --- bodies ---------------------------------------------------------------------------------------------------------


def ellipsoid(at: Vec, radii: Vec) -> Body:
    def distance(p: Vec) -> Field:
        q = p - at
        by_radius = Vec(q.x / radii.x, q.y / radii.y, q.z / radii.z)
        by_square = Vec(by_radius.x / radii.x, by_radius.y / radii.y, by_radius.z / radii.z)
        near = by_radius.length()
        return near * (near - 1) / np.maximum(by_square.length(), number(1e-6))

    return distance


def limb(start: Vec, end: Vec, thick: float, thin: float, muscle: float = 0) -> Body:
    """A rounded stick that tapers from `thick` to `thin`, and is thicker by `muscle` at its middle."""
    axis = end - start
    scale = 1 / axis.dot(axis)

    def distance(p: Vec) -> Field:
        q = p - start
        along = np.clip(q.dot(axis) * scale, 0, 1)
        return (q - axis * along).length() - (
            number(thick) + along * number(thin - thick) + along * (1 - along) * number(4 * muscle)
        )

    return distance


def box(at: Vec, half: Vec, round_: float) -> Body:
    def distance(p: Vec) -> Field:
        q = p - at
        x, y, z = np.abs(q.x) - half.x + round_, np.abs(q.y) - half.y + round_, np.abs(q.z) - half.z + round_
        outside = Vec(np.maximum(x, 0), np.maximum(y, 0), np.maximum(z, 0)).length()
        return outside + np.minimum(np.maximum(np.maximum(x, y), z), 0) - number(round_)

    return distance


def lathe(profile: Callable[[Field, Field], Field]) -> Body:
    """A body turned about the upright axis: `profile` is a distance in the plane of radius and height."""
    return lambda p: profile(np.sqrt(p.x * p.x + p.z * p.z), p.y)


def slab(r: Field, y: Field, *, radius: float, middle: float, half: float, round_: float) -> Field:
    """A rounded rectangle in the plane of radius and height: a disc, a rod or a drum once it is turned."""
    dr, dy = r - number(radius - round_), np.abs(y - number(middle)) - number(half - round_)
    corner = np.sqrt(np.maximum(dr, 0) ** 2 + np.maximum(dy, 0) ** 2)
    return corner + np.minimum(np.maximum(dr, dy), 0) - number(round_)


def disc(radius: float, middle: float, half: float, round_: float) -> Body:
    return lathe(lambda r, y: slab(r, y, radius=radius, middle=middle, half=half, round_=round_))


def ring(at: Vec, radius: float, tube: float) -> Body:
    def distance(p: Vec) -> Field:
        q = p - at
        away = np.sqrt(q.x * q.x + q.z * q.z) - number(radius)
        return np.sqrt(away * away + q.y * q.y) - number(tube)

    return distance


def blend(a: Field, b: Field, width: float) -> Field:
    """The nearer of two distances, with a fillet of `width` where they meet."""
    if not width:
        return np.minimum(a, b)
    part = np.maximum(number(width) - np.abs(a - b), 0) * number(1 / width)
    return np.minimum(a, b) - part * part * number(width / 4)


def union(*bodies: Body, width: float = 0) -> Body:
    def distance(p: Vec) -> Field:
        nearest = bodies[0](p)
        for body in bodies[1:]:
            nearest = blend(nearest, body(p), width)
        return nearest

    return distance


def carve(body: Body, tool: Body, width: float = 0.01) -> Body:
    return lambda p: -blend(-body(p), tool(p), width)


def mirrored(body: Body, width: float = 0) -> Body:
    """The body and its like on the other side of the upright middle plane, with a fillet where the two meet."""
    return lambda p: blend(body(p), body(Vec(-p.x, p.y, p.z)), width)


def moved(body: Body, by: Vec) -> Body:
    return lambda p: body(p - by)


def upright(body: Body, at: Vec) -> Body:
    """A body that lay flat, stood up at a place."""
    return lambda p: body(Vec(p.x - at.x, p.z - at.z, p.y - at.y))


# --- light and camera -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """How a body is seen and lit: `toward` the camera, in a view `tall` units high about `centre`."""

    width: int
    height: int
    tall: float
    toward: Vec
    key: Vec
    albedo: float = 0.6
    key_light: float = 0.95
    sky_light: float = 0.55
    rim_light: float = 0.12
    centre: Vec = ORIGIN

    @property
    def right(self) -> Vec:
        return Vec(self.toward.z, number(0), -self.toward.x).unit()

    @property
    def up(self) -> Vec:
        t, r = self.toward, self.right
        return Vec(t.y * r.z - t.z * r.y, t.z * r.x - t.x * r.z, t.x * r.y - t.y * r.x).unit()

    def rays(self, *, each: float) -> Vec:
        """Where rays start, one for every `each` pixels in both directions, well before the scene."""
        cell = self.tall / self.height
        across = (np.arange(each / 2, self.width, each, dtype=np.float32) - number(self.width / 2)) * number(cell)
        down = (number(self.height / 2) - np.arange(each / 2, self.height, each, dtype=np.float32)) * number(cell)
        grid_x, grid_y = np.meshgrid(across, down)
        return self.centre + self.right * grid_x + self.up * grid_y + self.toward * number(3)


STEPS = 90
FAR = number(6)
TOUCH = number(4e-4)


def walk(body: Body, start: Vec, toward: Vec) -> tuple[Field, Field]:
    """How far each ray goes before it touches, and how near it came to the body at all."""
    gone = np.zeros_like(start.x)
    nearest = np.full_like(start.x, FAR)
    under_way = np.arange(gone.size)
    for _ in range(STEPS):
        step = body(start[under_way] - toward * gone[under_way])
        nearest[under_way] = np.minimum(nearest[under_way], step)
        gone[under_way] += step * number(0.9)
        under_way = under_way[(step > TOUCH) & (gone[under_way] < FAR)]
        if not under_way.size:
            break
    return gone, nearest


def candidates(body: Body, look: Look, coarse: int, fine: float) -> NDArray[np.bool_]:
    """Which fine rays can hit at all, told from a coarse grid: no body is nearer than the distance says."""
    starts = look.rays(each=coarse)
    shape = starts.x.shape
    flat = Vec(starts.x.ravel(), starts.y.ravel(), starts.z.ravel())
    _, nearest = walk(body, flat, look.toward)
    reach = number(coarse * look.tall / look.height)
    times = round(coarse / fine)
    return np.repeat(np.repeat((nearest < reach).reshape(shape), times, axis=0), times, axis=1)


def normals(body: Body, at: Vec) -> Vec:
    step = 8e-4
    corners = ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1))
    total = vec(0, 0, 0)
    for x, y, z in corners:
        total = total + vec(x, y, z) * body(at + vec(x * step, y * step, z * step))
    return total.unit()


def openness(body: Body, at: Vec, normal: Vec) -> Field:
    """How much sky a point sees, 0 to 1: walk away from the surface and see whether something stays near."""
    hidden = np.zeros_like(at.x)
    for step, weight in ((0.02, 1.0), (0.05, 0.7), (0.10, 0.45), (0.18, 0.25)):
        hidden += np.maximum(number(step) - body(at + normal * number(step)), 0) * number(weight / step)
    return np.clip(1 - hidden * number(0.42), 0, 1)


def lit(body: Body, at: Vec, normal: Vec, key: Vec) -> Field:
    """How much of the key light reaches a point, 0 to 1, with soft edges."""
    gone = np.full_like(at.x, 0.03)
    share = np.ones_like(at.x)
    start = at + normal * number(0.004)
    for _ in range(18):
        near = body(start + key * gone)
        share = np.minimum(share, near * 12 / gone)
        gone += np.clip(near, number(0.015), number(0.12))
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def shade(body: Body, scene: Body, at: Vec, look: Look) -> Field:
    normal = normals(body, at)
    facing = np.maximum(normal.dot(look.key), 0)
    facing = facing * facing * number(1.2) / (facing + number(0.2))  # no crease where light turns to shade
    sky = (normal.y * number(0.35) + number(0.65)) * openness(scene, at, normal)
    edge = 1 - np.maximum(normal.dot(look.toward), 0)
    rim = edge * edge * edge * number(look.rim_light)
    light = facing * lit(scene, at, normal, look.key) * number(look.key_light) + sky * number(look.sky_light) + rim
    return light * number(look.albedo)


FINE = 2
"""Rays for a pixel, in each direction."""


def render(body: Body, look: Look, *, beside: Body | None = None) -> tuple[Field, Field]:
    """The body's brightness and its cover, both 0 to 1, a number a pixel; brightness is already times cover.

    What stands `beside` it is not drawn, but takes its light away.
    """
    scene = union(body, beside) if beside else body
    starts = look.rays(each=1 / FINE)
    shape = starts.x.shape
    bright, cover = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    chosen = candidates(body, look, coarse=8, fine=1 / FINE)
    rays = starts[chosen]
    gone, _ = walk(body, rays, look.toward)
    at = rays - look.toward * gone
    hit = (body(at) < TOUCH * 4) & (gone < FAR)
    values = np.zeros_like(gone)
    values[hit] = np.sqrt(np.clip(shade(body, scene, at[hit], look), 0, 1))
    bright[chosen], cover[chosen] = values, hit
    return shrink(bright), shrink(cover)


def shrink(picture: Field) -> Field:
    height, width = picture.shape
    blocks = picture.reshape(height // FINE, FINE, width // FINE, FINE)
    return (blocks[:, 0, :, 0] + blocks[:, 0, :, 1] + blocks[:, 1, :, 0] + blocks[:, 1, :, 1]) * number(0.25)


# --- the pictures ---------------------------------------------------------------------------------------------------

PAPER = 0.975

FROM_THE_FRONT = vec(0, 0, 1)
SOFT_KEY = vec(-0.45, 0.75, 0.85).unit()


def mannequin() -> Body:
    """A neutral body in a T-pose, 1.8 tall, arms level at shoulder height."""
    head = union(
        ellipsoid(vec(0, 0.785, 0), vec(0.084, 0.108, 0.098)),
        ellipsoid(vec(0, 0.725, 0.02), vec(0.058, 0.07, 0.07)),
        width=0.06,
    )
    head = union(head, limb(vec(0, 0.79, 0.092), vec(0, 0.752, 0.1), 0.008, 0.015), width=0.025)
    torso = union(
        limb(vec(0, 0.57, -0.01), vec(0, 0.70, 0.0), 0.052, 0.046),
        ellipsoid(vec(0, 0.44, 0), vec(0.160, 0.17, 0.105)),
        ellipsoid(vec(0, 0.24, 0), vec(0.118, 0.19, 0.085)),
        ellipsoid(vec(0, 0.09, 0), vec(0.130, 0.13, 0.094)),
        width=0.10,
    )
    body = union(torso, mirrored(arm()), width=0.07)
    return union(head, union(body, mirrored(leg(), width=0.05), width=0.06), width=0.02)


def arm() -> Body:
    sleeve = limb(vec(0.13, 0.538, 0), vec(0.70, 0.533, 0), 0.058, 0.027, muscle=0.003)
    hand = union(
        ellipsoid(vec(0.755, 0.532, 0.005), vec(0.062, 0.022, 0.044)),
        limb(vec(0.77, 0.532, 0.028), vec(0.868, 0.531, 0.036), 0.014, 0.011),
        limb(vec(0.78, 0.532, 0.005), vec(0.885, 0.531, 0.006), 0.014, 0.011),
        limb(vec(0.77, 0.532, -0.02), vec(0.87, 0.531, -0.028), 0.014, 0.011),
        limb(vec(0.72, 0.528, 0.03), vec(0.775, 0.520, 0.08), 0.015, 0.012),
        width=0.015,
    )
    return union(sleeve, hand, width=0.02)


def leg() -> Body:
    length = union(
        limb(vec(0.072, 0.04, 0), vec(0.110, -0.43, 0.006), 0.077, 0.050, muscle=0.002),
        limb(vec(0.110, -0.43, 0.006), vec(0.124, -0.84, -0.012), 0.050, 0.031, muscle=0.007),
    )
    foot = union(
        ellipsoid(vec(0.134, -0.866, 0.055), vec(0.05, 0.034, 0.11)),
        ellipsoid(vec(0.126, -0.862, -0.02), vec(0.038, 0.036, 0.045)),
        width=0.03,
    )
    return union(length, foot, width=0.04)


def t_pose() -> Image.Image:
    look = Look(768, 768, 2.06, FROM_THE_FRONT, SOFT_KEY)
    return on_paper(*render(mannequin(), look))


def figurine() -> Body:
    """A stylised body with a large head, standing at ease with its feet at height 0."""
    head = union(
        ellipsoid(vec(0, 1.02, -0.01), vec(0.205, 0.205, 0.2)),
        ellipsoid(vec(0, 0.935, 0.025), vec(0.165, 0.135, 0.155)),
        width=0.1,
    )
    head = union(head, ellipsoid(vec(0, 0.965, 0.185), vec(0.03, 0.028, 0.035)), width=0.03)
    torso = union(
        limb(vec(0, 0.70, 0), vec(0, 0.84, 0), 0.05, 0.048),
        ellipsoid(vec(0, 0.63, 0), vec(0.128, 0.13, 0.09)),
        ellipsoid(vec(0, 0.48, 0), vec(0.104, 0.12, 0.082)),
        width=0.09,
    )
    arms = union(
        limb(vec(0.11, 0.69, 0), vec(0.205, 0.52, 0.01), 0.05, 0.039),
        limb(vec(0.205, 0.52, 0.01), vec(0.232, 0.38, 0.05), 0.039, 0.030),
        ellipsoid(vec(0.234, 0.335, 0.062), vec(0.034, 0.05, 0.042)),
        width=0.012,
    )
    legs = union(
        limb(vec(0.056, 0.42, 0), vec(0.102, 0.07, 0), 0.068, 0.046),
        ellipsoid(vec(0.112, 0.038, 0.035), vec(0.058, 0.042, 0.1)),
        width=0.02,
    )
    return union(head, union(torso, union(mirrored(arms), mirrored(legs, width=0.05)), width=0.045), width=0.012)


def figure() -> Image.Image:
    toward = vec(0.30, 0.26, 1).unit()
    look = Look(768, 768, 1.62, toward, SOFT_KEY, centre=vec(0, 0.55, 0))
    toy = moved(figurine(), vec(0, -0.002, 0))
    glass = np.full((768, 768), PAPER, np.float32)
    # clear plastic: the far rim, then the near one, then the body, each only tinting what is behind it
    clear = replace(look, key_light=0, sky_light=1.35)
    for body, strength in ((ring(vec(0, -0.066, 0), 0.45, 0.006), 0.3), (disc(0.46, -0.035, 0.035, 0.012), 0.5)):
        bright, cover = render(body, clear, beside=toy)
        glass = glass * (1 - cover * number(strength)) + bright * number(strength)
    bright, cover = render(toy, look, beside=disc(0.46, -0.035, 0.035, 0.012))
    return as_image(glass * (1 - cover) + bright)


def eightfold(body: Body) -> Body:
    """What the body has within 22.5 degrees of the x axis, mirrored on until it goes all the way round."""
    cos, sin = sqrt(2 + sqrt(2)) / 2, sqrt(2 - sqrt(2)) / 2

    def distance(p: Vec) -> Field:
        x, z = np.abs(p.x), np.abs(p.z)
        x, z = np.maximum(x, z), np.minimum(x, z)
        # what lies beyond 22.5 degrees is laid back over that line
        beyond = np.maximum(z * number(cos) - x * number(sin), 0) * number(2)
        return body(Vec(x + beyond * number(sin), p.y, z - beyond * number(cos)))

    return distance


def clay_sample() -> Body:
    """A ball with carved lines on a fluted stand with a flat foot."""
    ball = ellipsoid(vec(0, 0.36, 0), vec(0.40, 0.40, 0.40))
    for height in (0.19, 0.53):
        ball = carve(ball, ring(vec(0, height, 0), sqrt(0.40**2 - (height - 0.36) ** 2), 0.02))
    ball = carve(ball, eightfold(limb(vec(0.385, 0.28, 0.0766), vec(0.385, 0.44, 0.0766), 0.024, 0.024)))
    column = lathe(
        lambda r, y: slab(
            r + (y + 0.30) * (y + 0.30) * number(-0.9), y, radius=0.17, middle=-0.25, half=0.27, round_=0.02
        )
    )
    column = carve(column, eightfold(limb(vec(0.176, -0.38, 0.035), vec(0.205, -0.12, 0.0408), 0.016, 0.020)))
    foot = union(disc(0.38, -0.55, 0.05, 0.02), disc(0.30, -0.47, 0.045, 0.02), width=0.02)
    return union(ball, union(column, foot, width=0.03), width=0.03)


def print_clay() -> Image.Image:
    toward = vec(0.15, 0.28, 1).unit()
    key = vec(-0.95, 0.62, 0.42).unit()
    look = Look(768, 768, 1.7, toward, key, albedo=0.62, key_light=1.15, sky_light=0.34, rim_light=0.05)
    return on_paper(*render(clay_sample(), look))


def crate() -> Body:
    panel = box(vec(0, 0, 0), vec(0.24, 0.24, 0.24), 0.02)
    for at in (vec(0, 0, 0.24), vec(0.24, 0, 0), vec(0, 0.24, 0), vec(-0.24, 0, 0)):
        half = Vec(*(number(0.03) if abs(float(side)) > 0 else number(0.165) for side in (at.x, at.y, at.z)))
        panel = carve(panel, box(at, half, 0.01))
    return panel


def table() -> Body:
    top = box(vec(0, 0.16, 0), vec(0.30, 0.03, 0.22), 0.015)
    legs = [
        limb(vec(x * 0.25, 0.15, z * 0.17), vec(x * 0.26, -0.24, z * 0.18), 0.028, 0.020)
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    return union(top, *legs, width=0.02)


def vase() -> Body:
    belly = union(
        ellipsoid(vec(0, -0.06, 0), vec(0.19, 0.19, 0.19)),
        limb(vec(0, 0.05, 0), vec(0, 0.24, 0), 0.075, 0.06),
        ring(vec(0, 0.27, 0), 0.075, 0.025),
        disc(0.11, -0.25, 0.02, 0.01),
        width=0.07,
    )
    return carve(belly, limb(vec(0, 0.2, 0), vec(0, 0.5, 0), 0.055, 0.07), width=0.02)


def barrel() -> Body:
    staves = lathe(lambda r, y: slab(r + y * y * number(0.75), y, radius=0.23, middle=0, half=0.27, round_=0.02))
    bands = [ring(vec(0, y, 0), 0.226 - 0.75 * y * y, 0.02) for y in (-0.17, 0.17)]
    return union(staves, *bands, width=0.008)


def lamp() -> Body:
    shade_ = lathe(
        lambda r, y: (
            slab(r + (y - 0.1) * number(0.42), y, radius=0.19, middle=0.14, half=0.13, round_=0.02) * number(0.85)
        )
    )
    return union(
        shade_, limb(vec(0, 0.05, 0), vec(0, -0.24, 0), 0.02, 0.02), disc(0.14, -0.255, 0.02, 0.015), width=0.02
    )


def cup() -> Body:
    wall = carve(disc(0.19, 0, 0.2, 0.03), disc(0.155, 0.1, 0.26, 0.03), width=0.02)
    handle = ring(vec(0, 0, 0), 0.11, 0.03)
    outside = carve(upright(handle, vec(0.21, -0.01, 0)), disc(0.17, 0, 0.4, 0.01))
    return union(wall, outside, width=0.02)


def chest() -> Body:
    body = box(vec(0, -0.09, 0), vec(0.28, 0.13, 0.18), 0.02)
    lid = carve(
        limb(vec(-0.2, 0.07, 0), vec(0.2, 0.07, 0), 0.17, 0.17),
        box(vec(0, -0.2, 0), vec(0.5, 0.25, 0.5), 0.0),
        width=0.01,
    )
    lock = box(vec(0, 0.03, 0.18), vec(0.045, 0.05, 0.02), 0.012)
    return union(body, lid, lock, width=0.012)


def tree() -> Body:
    crown = union(
        ellipsoid(vec(0, 0.16, 0), vec(0.17, 0.16, 0.17)),
        ellipsoid(vec(-0.12, 0.06, 0.05), vec(0.12, 0.11, 0.12)),
        ellipsoid(vec(0.13, 0.07, 0.03), vec(0.13, 0.12, 0.12)),
        ellipsoid(vec(0.0, 0.05, -0.12), vec(0.13, 0.12, 0.12)),
        width=0.05,
    )
    return union(crown, limb(vec(0, 0, 0), vec(0, -0.26, 0), 0.04, 0.06), width=0.03)


def asset_extraction() -> Image.Image:
    objects = (vase, crate, table, barrel, lamp, chest, cup, tree)
    cells = [on_paper(*render(draw(), CELL)) for draw in objects]
    sheet = Image.new("RGB", (768, 432), as_image(np.full((1, 1), PAPER, np.float32)).getpixel((0, 0)))
    for place, cell in enumerate(cells):
        sheet.paste(cell, (place % 4 * 184 + 16, place // 4 * 200 + 16))
    return sheet


CELL = Look(184, 200, 0.92, vec(0.55, 0.42, 0.85).unit(), vec(-0.25, 0.9, 0.75).unit())


def on_paper(bright: Field, cover: Field) -> Image.Image:
    return as_image(number(PAPER) * (1 - cover) + bright)


def as_image(picture: Field) -> Image.Image:
    grey = (np.clip(picture, 0, 1) * 255 + number(0.5)).astype(np.uint8)
    return Image.fromarray(np.stack([grey, grey, grey], axis=-1))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "t_pose/pose.png": t_pose,
    "figure/stand.png": figure,
    "print_clay/clay.png": print_clay,
    "asset_extraction/sheet.png": asset_extraction,
}


def draw_all() -> Iterator[tuple[str, Image.Image]]:
    for name, draw in PICTURES.items():
        yield name, draw()


def main(folder: Path) -> None:
    for name, picture in draw_all():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, optimize=True)
        print(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATES)
