"""What is done to a subject, one function a template: a picture, the method's name and an honest sentence."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limner_builtin.edits.relief import livelier, relief, unlit
from limner_builtin.edits.tailoring import clothes_of, head_of
from limner_builtin.networks.cutout import Subject, freestanding
from limner_builtin.networks.enlarging import enlarged_cutout
from limner_builtin.networks.faces import FacePose, face_of, is_human
from limner_builtin.raster.components import regions
from limner_builtin.raster.pixels import Pixels, blurred, colour, grid, luma, over, shrunk, smoothstep
from limner_builtin.raster.shading import CLAY, RAKING, SOFTBOX, Finish, Lamp, shaded
from limner_builtin.raster.sprite import Sprite, paste
from limner_builtin.scene.grading import graded
from limner_builtin.scene.layout import Box
from limner_builtin.scene.shadows import reflect, shadow
from limner_builtin.scene.studio import Backdrop, plain, studio
from limner_builtin.sprites.dolls import Pose, doll
from limner_builtin.sprites.materials import Material, Paint, painted
from limner_builtin.sprites.subjects import ends_flat, rounded


@dataclass(frozen=True, slots=True)
class Edited:
    picture: Pixels
    method: str
    notice: str


@dataclass(frozen=True, slots=True)
class Easel:
    """The size to paint at, and the caller's seed."""

    width: int
    height: int
    seed: int


ESTIMATED = "estimated_relief"
COMPOSITED = "composited"
TRANSFORM = "transform"
REBUILT = "approximate_body"

SMALL = 300
"""A subject up to this many pixels long is enlarged by the network, a larger one by plain resampling."""

DOLL_SIDE = 1024
CLAY_TONE = (0.7, 0.67, 0.63)
GLOSS = Finish(roughness=0.24, rim=0.32, bump=0.75)
SATIN = Finish(roughness=0.4, rim=0.2, bump=0.8)
NEON = (
    Lamp((-0.8, -0.3, 0.5), (1.0, 0.25, 0.75), 1.1),
    Lamp((0.85, -0.25, 0.45), (0.15, 0.75, 1.0), 1.0),
    Lamp((0.0, -0.8, 0.6), (0.8, 0.8, 1.0), 0.3),
)
SUNSET = (
    Lamp((-0.85, -0.35, 0.45), (1.0, 0.68, 0.36), 1.35),
    Lamp((0.8, -0.2, 0.4), (0.5, 0.55, 1.0), 0.4),
    Lamp((0.1, 0.8, 0.3), (1.0, 0.6, 0.6), 0.15),
)

A_MODEL_CAN = "A vendor's model can do it, for example gemini_2.5_flash_image_preview once a key of Google's is set."
UNCUT = "No subject stood out from the background, so the whole picture was used. "


def print_clay(subject: Subject, easel: Easel) -> Edited:
    subject = freestanding(subject)
    sprite, box = _placed(subject, easel, 0.86, 0.8)
    height = relief(sprite.picture, sprite.alpha)
    clay = _clay(height, max(box.width, box.height))
    back = studio(easel.width, easel.height, 28, 0.035)
    picture = _stood(Sprite(clay, sprite.alpha), box, back)
    return Edited(picture, ESTIMATED, "Relief estimated from the picture's outline and light, rendered as clay.")


def _clay(height: Pixels, scale: int) -> Pixels:
    lit = shaded(height, np.broadcast_to(colour(*CLAY_TONE), (*height.shape, 3)), CLAY, RAKING, scale)
    grey = luma(lit)[..., None] * colour(1.02, 1.0, 0.97)
    mixed = lit * 0.35 + grey * 0.65
    return np.clip((mixed - 0.5) * 1.16 + 0.5, 0, 1)


def enhance(subject: Subject, easel: Easel) -> Edited:
    subject = freestanding(subject)
    sprite, box = _placed(subject, easel, 0.86, 0.82)
    picture = _stood(Sprite(_modelled(sprite, 0.85), sprite.alpha), box, studio(easel.width, easel.height, 215, 0.05))
    return Edited(picture, ESTIMATED, "Relit with an estimated relief; shape and colours come from your picture.")


def _modelled(sprite: Sprite, strength: float, finish: Finish = SATIN, lamps: tuple[Lamp, ...] = SOFTBOX) -> Pixels:
    """The subject under new light: its own colours times the light that a grey cast of it would receive."""
    side = max(sprite.width, sprite.height)
    height = relief(sprite.picture, sprite.alpha, 0.7)
    white = np.full((*height.shape, 3), 0.72, np.float32)
    level = shaded(np.zeros((3, 3), np.float32), np.full((3, 3, 3), 0.72, np.float32), finish, lamps, side)[1, 1]
    light = shaded(height, white, finish, lamps, side) / np.maximum(luma(level[None, None])[0, 0], 1e-3)
    calm = unlit(sprite.picture, side) * 0.55 + sprite.picture * 0.45
    lit = calm * (1 + (light - 1) * np.float32(strength))
    gleam = np.maximum(light - 1.12, 0) * 0.16
    modelled: Pixels = np.clip(lit + gleam, 0, 1)
    return modelled


def figure(subject: Subject, easel: Easel) -> Edited:
    """The subject as a glossy collectible on a round base."""
    subject = freestanding(subject)
    back = studio(easel.width, easel.height, 212, 0.08)
    sprite, box = _placed(subject, easel, 0.62, 0.66, foot=0.82)
    toy = Sprite(livelier(_modelled(sprite, 0.9, GLOSS), 1.14), sprite.alpha)
    if ends_flat(toy.alpha):
        toy = rounded(toy)
        box = Box(0, box.left, box.top, box.width, toy.height, 0, grounded=True, mirrored=False)
    canvas = back.picture.copy()
    reach = int(max(box.width * 0.62, box.height * 0.34, easel.height * 0.2))
    reach = min(reach, int(easel.width * 0.45))
    _base(canvas, easel.width // 2, box.foot, reach, back)
    shadow(canvas, toy.alpha, box, (0.03, 0.03, 0.06), 0.9)
    reflect(canvas, toy, box, 0.16)
    paste(canvas, toy.picture, toy.alpha, box.left, box.top)
    return Edited(graded(canvas), COMPOSITED, "Your subject, cut out and finished like a figure, set on a drawn base.")


def _base(canvas: Pixels, x: int, y: int, reach: int, back: Backdrop) -> None:
    """A round plinth seen from a little above: its shadow, its wall, its polished top."""
    depth, thick = int(reach * 0.24), max(8, int(reach * 0.1))
    centre = y - depth // 4
    px, py = grid(*canvas.shape[:2])
    dark = np.exp(
        -(((px - x - reach * 0.1) / (reach * 1.12)) ** 4) - ((py - centre - thick - depth * 0.3) / (depth * 1.1)) ** 2
    )
    canvas += (dark * 0.5)[..., None] * (canvas * colour(*back.palette.shadow) - canvas)
    across = np.clip((px - x) / reach, -1, 1)
    bow = np.sqrt(1 - across**2) * depth
    aside = np.abs(px - x) < reach
    wall = smoothstep(-1, 1, centre + bow + thick - py) * smoothstep(-1, 1, py - centre + bow) * aside
    tone = 0.1 + 0.2 * np.exp(-(((across + 0.5) / 0.3) ** 2)) + 0.1 * np.exp(-(((across - 0.75) / 0.15) ** 2))
    front = np.broadcast_to(tone[..., None] * colour(1.0, 1.02, 1.1), canvas.shape)
    canvas[:] = over(front, wall.astype(np.float32), canvas)
    ring = np.hypot((px - x) / reach, (py - centre) / depth)
    top = 0.3 + 0.14 * smoothstep(0.6, -0.8, across) - 0.05 * (py - centre) / depth
    top = top + 0.3 * np.exp(-(((ring - 0.955) / 0.014) ** 2))
    canvas[:] = over(top[..., None] * colour(0.98, 1.0, 1.06), 1 - smoothstep(0.985, 1.0, ring), canvas)


def head_extraction(subject: Subject, easel: Easel) -> Edited:
    face = face_of(_on_grey(subject), subject.alpha)
    if face is None:
        return _without_face(subject, easel)
    left, top, side = _head_window(subject, face)
    picture, alpha = _window(subject, left, top, side)
    x, y = grid(side, side)
    end = face.chin - top
    alpha = alpha * (1 - smoothstep(end + face.height * 0.3, end + face.height * 0.62, y))
    alpha = alpha * (1 - smoothstep(0.43, 0.49, np.abs(x / side - 0.5)))
    sprite = _sized(Sprite(picture, alpha.astype(np.float32)), easel.width, easel.height)
    canvas = np.ones((easel.height, easel.width, 3), np.float32)
    paste(canvas, sprite.picture, sprite.alpha, 0, 0)
    note = "" if subject.found else UNCUT
    return Edited(
        canvas, TRANSFORM, note + "The head as it is in your picture, cut out and enlarged; nothing was redrawn."
    )


def _head_window(subject: Subject, face: FacePose) -> tuple[int, int, int]:
    """Left, top and side of a square round the head, tall enough for a hat."""
    near = subject.alpha[:, max(0, int(face.x - face.width * 0.6)) : int(face.x + face.width * 0.6)]
    rows = np.nonzero((near > 0.5).any(1))[0]
    hat = max(float(rows[0]) if rows.size else 0.0, face.eyes[1] - face.height * 2.6)
    side = max(max(face.width, face.height) * 2.4, (face.chin + face.height * 0.62 - hat) * 1.08)
    top = min(face.eyes[1] - side * 0.5, hat - side * 0.06)
    return int(face.eyes[0] - side / 2), int(top), int(side)


def _without_face(subject: Subject, easel: Easel) -> Edited:
    """No face: the upper part of the subject, which is where a head would be."""
    sprite = freestanding(subject).cropped()
    side = min(max(sprite.width, 8), sprite.height)
    upper = Sprite(sprite.picture[:side], sprite.alpha[:side])
    canvas = np.ones((easel.height, easel.width, 3), np.float32)
    share = 0.84 * min(easel.width / upper.width, easel.height / upper.height)
    upper = _sized(upper, int(upper.width * share), int(upper.height * share))
    paste(canvas, upper.picture, upper.alpha, (easel.width - upper.width) // 2, (easel.height - upper.height) // 2)
    return Edited(
        canvas, TRANSFORM, "No face was found, so this is the upper part of the subject, cut out and enlarged."
    )


def _window(subject: Subject, left: int, top: int, side: int) -> tuple[Pixels, Pixels]:
    """A square of the picture; what lies outside is transparent."""
    picture, alpha = np.ones((side, side, 3), np.float32), np.zeros((side, side), np.float32)
    height, width = subject.alpha.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    there = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    picture[there], alpha[there] = subject.picture[y0:y1, x0:x1], subject.alpha[y0:y1, x0:x1]
    return picture, alpha


def asset_extraction(subject: Subject, easel: Easel) -> Edited:
    pieces = _pieces(freestanding(subject))
    notice = f"{len(pieces)} separate part(s) found; things that touch each other stay together."
    return Edited(sheet(pieces, easel), TRANSFORM, notice if subject.found else UNCUT + notice)


MOST_PIECES = 8


def _pieces(subject: Subject) -> list[Sprite]:
    height, width = subject.alpha.shape
    factor = max(1, max(height, width) // 512)
    small = shrunk(subject.alpha, width // factor, height // factor) > 0.4
    labels, found = regions(small)
    if not found:
        return [subject.cropped()]
    least = min(found[0].area, max(60, int(found[0].area * 0.012)))
    pieces = []
    for region in [r for r in found if r.area >= least][:MOST_PIECES]:
        grown = blurred((labels == region.label).astype(np.float32), 2.0) > 0.02
        own = np.repeat(np.repeat(grown, factor, 0), factor, 1)
        own = np.pad(own, ((0, height - own.shape[0]), (0, width - own.shape[1])), mode="edge").astype(np.float32)
        pieces.append(Subject(subject.picture, subject.alpha * own).cropped())
    return pieces


def sheet(pieces: list[Sprite], easel: Easel) -> Pixels:
    """Each piece once, whole, in a cell of its own."""
    canvas = plain(easel.width, easel.height, 0.955).picture.copy()
    columns, rows = _cells(len(pieces), easel.width / easel.height)
    wide, tall = easel.width / columns, easel.height / rows
    for number, piece in enumerate(pieces):
        row, column = divmod(number, columns)
        in_row = min(columns, len(pieces) - row * columns)
        scale = 0.8 * min(wide / piece.width, tall / piece.height)
        sprite = _sized(piece, max(1, int(piece.width * scale)), max(1, int(piece.height * scale)))
        x = easel.width / 2 + (column - (in_row - 1) / 2) * wide
        y = (row + 0.5) * tall
        paste(canvas, sprite.picture, sprite.alpha, int(x - sprite.width / 2), int(y - sprite.height / 2))
    return canvas


def _cells(many: int, aspect: float) -> tuple[int, int]:
    rows = max(1, round((many / aspect) ** 0.5))
    return -(-many // rows), rows


def t_pose(subject: Subject, easel: Easel) -> Edited:
    return _rebuilt(subject, easel, Pose.T, "T-pose")


def character_completion(subject: Subject, easel: Easel) -> Edited:
    return _rebuilt(subject, easel, Pose.A, "full figure")


def _rebuilt(subject: Subject, easel: Easel, pose: Pose, name: str) -> Edited:
    """The real head on a plain body in the picture's colours; without a face, the subject as it is."""
    face = face_of(_on_grey(subject), subject.alpha)
    if face is None or not subject.found or not is_human(_on_grey(subject), face):
        return _centred(
            subject,
            easel,
            f"No person was found, so no {name} was made: the subject is only cut out and centred. {A_MODEL_CAN}",
        )
    whole = doll(head_of(subject, face), clothes_of(subject, face), pose, DOLL_SIDE)
    sprite, box = _placed(Subject(whole.picture, whole.alpha), easel, 0.92, 0.88, foot=0.94)
    picture = _stood(sprite, box, studio(easel.width, easel.height, 30, 0.03), cast=0.25)
    return Edited(
        picture, REBUILT, f"The head is yours; the body of the {name} is a plain stand-in in the picture's colours."
    )


def _centred(subject: Subject, easel: Easel, notice: str) -> Edited:
    sprite, box = _placed(freestanding(subject), easel, 0.8, 0.84)
    return Edited(_stood(sprite, box, studio(easel.width, easel.height, 30, 0.03)), TRANSFORM, notice)


def variants(subject: Subject, easel: Easel) -> Edited:
    """Four looks of the same subject: daylight, evening sun, neon, porcelain."""
    subject = freestanding(subject)
    wide, tall = easel.width // 2, easel.height // 2
    quarter = Easel(wide, tall, easel.seed)
    sprite, box = _placed(subject, quarter, 0.8, 0.78)
    looks = (
        (_modelled(sprite, 0.7), 205, 0.16),
        (_modelled(sprite, 1.0, SATIN, SUNSET), 24, 0.34),
        (_modelled(sprite, 1.0, GLOSS, NEON), 268, 0.62),
        (
            shaded(
                relief(sprite.picture, sprite.alpha),
                painted(sprite.picture, sprite.alpha, Paint(material=Material.MARBLE)),
                GLOSS,
                SOFTBOX,
                max(wide, tall),
            ),
            160,
            0.1,
        ),
    )
    canvas = np.zeros((easel.height, easel.width, 3), np.float32)
    for number, (picture, hue, strength) in enumerate(looks):
        row, column = divmod(number, 2)
        back = studio(wide, tall, hue, strength)
        if number == 2:
            back = Backdrop(back.picture * 0.42, back.palette)
        cell = _stood(Sprite(picture, sprite.alpha), box, back)
        canvas[row * tall : row * tall + tall, column * wide : column * wide + wide] = cell
    return Edited(
        canvas,
        ESTIMATED,
        "Four looks of your subject under other light and in other materials; the design is unchanged.",
    )


def relit(sprite: Sprite) -> Pixels:
    """A gentle version of `enhance`, for a cut-out that goes into a scene."""
    return _modelled(sprite, 0.35)


def on_paper(sprite: Sprite, easel: Easel) -> Pixels:
    """A solid in its own frame, floating a little above the paper."""
    back = studio(easel.width, easel.height, 36, 0.06)
    sprite = sprite.fitted(easel.width, easel.height)
    fall = max(easel.width, easel.height) // 60
    dark = blurred(np.roll(sprite.alpha, (fall, fall * 2 // 3), (0, 1)), fall * 1.2)
    ground = back.picture * (1 - 0.42 * dark[..., None] * (1 - colour(*back.palette.shadow)))
    return graded(over(sprite.picture, sprite.alpha, ground))


def _placed(subject: Subject, easel: Easel, wide: float, tall: float, foot: float = 0.92) -> tuple[Sprite, Box]:
    """The subject alone, as large as the shares of the easel allow, standing on one line."""
    sprite = subject.cropped()
    scale = min(easel.width * wide / sprite.width, easel.height * tall / sprite.height)
    sprite = _sized(sprite, max(1, int(sprite.width * scale)), max(1, int(sprite.height * scale)))
    centred = int((easel.height + sprite.height) / 2 + easel.height * 0.02)
    line = min(int(easel.height * foot), max(centred, int(easel.height * 0.72)))
    left = (easel.width - sprite.width) // 2
    return sprite, Box(0, left, line - sprite.height, sprite.width, sprite.height, 0, grounded=True, mirrored=False)


def _sized(sprite: Sprite, width: int, height: int) -> Sprite:
    longest = max(sprite.width, sprite.height)
    if max(width, height) > 1.5 * longest and longest > SMALL:
        return sprite.fitted(width, height)
    if max(width, height) > 1.5 * longest:
        sprite = Sprite(*enlarged_cutout(sprite.picture, sprite.alpha))
    return sprite.fitted(width, height)


def _stood(sprite: Sprite, box: Box, back: Backdrop, *, cast: float = 1.0) -> Pixels:
    canvas = back.picture.copy()
    reflect(canvas, sprite, box, 0.1)
    shadow(canvas, sprite.alpha, box, back.palette.shadow, 0.8, cast=cast)
    paste(canvas, sprite.picture, sprite.alpha, box.left, box.top)
    return graded(canvas)


def _on_grey(subject: Subject) -> Pixels:
    return over(subject.picture, subject.alpha, np.full_like(subject.picture, 0.94))


Edit = Callable[[Subject, Easel], Edited]

EDITS: dict[str, Edit] = {
    "print_clay": print_clay,
    "3d_enhance": enhance,
    "figure": figure,
    "head_extraction": head_extraction,
    "asset_extraction": asset_extraction,
    "t_pose": t_pose,
    "character_completion": character_completion,
    "variants": variants,
}

SHAPES: dict[str, str] = {
    "figure": "1:1",
    "head_extraction": "1:1",
    "asset_extraction": "16:9",
    "t_pose": "1:1",
    "character_completion": "3:4",
    "variants": "1:1",
}
"""The shape a template's picture has where the caller asks for none; the others keep the reference's shape."""
