"""Model what the drawings lack: `python tools/modelled ARCHIVE [--sheet PICTURE] [--only NAME ...]`.

Animals and people that ship as heads get bodies, under their code; some icons get a solid in their place, under "icon-NAME".
"""

import argparse
import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from bodies import HEADS, Body
from PIL import Image, ImageFilter
from props import PROPS
from solid import GROUND, Part, Plane, View, looked_at

from limner_builtin.assets import emoji_picture
from limner_builtin.networks.enlarging import bled, enlarged_cutout
from limner_builtin.raster.pixels import to_pixels

SIDE, ACROSS, PROP_ACROSS = 600, 2.3, 2.6
QUALITY = 86


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--only", nargs="*")
    chosen = parser.parse_args()
    drawers: dict[str, Callable[[], Image.Image]] = {
        code: partial(figure, code, body(coat)) for code, (body, coat) in HEADS.items()
    }
    drawers |= {f"icon-{name}": partial(prop, parts(), view) for name, (parts, view) in PROPS.items()}
    pictures = {name: draw() for name, draw in drawers.items() if name in (chosen.only or drawers)}
    packed = kept(chosen.archive) if chosen.only and chosen.archive.exists() else {}
    for code, picture in pictures.items():
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=QUALITY, method=6)
        packed[code] = file.getvalue()
    with zipfile.ZipFile(chosen.archive, "w", zipfile.ZIP_STORED) as archive:
        for code, data in sorted(packed.items()):
            archive.writestr(zipfile.ZipInfo(f"{code}.webp", (2026, 12, 1, 0, 0, 0)), data)
    if chosen.sheet:
        sheet = Image.new("RGB", (300 * 5, 300 * -(-len(pictures) // 5)), (225, 228, 232))
        for place, picture in enumerate(pictures.values()):
            small = picture.copy()
            small.thumbnail((290, 290))
            sheet.paste(small, (place % 5 * 300, place // 5 * 300), small)
        sheet.save(chosen.sheet)


def kept(archive: Path) -> dict[str, bytes]:
    """The animals that an archive has already."""
    with zipfile.ZipFile(archive) as opened:
        return {name.removesuffix(".webp"): opened.read(name) for name in opened.namelist()}


def prop(parts: Sequence[Part], view: View) -> Image.Image:
    image = _image(*looked_at(parts, (), SIDE, PROP_ACROSS, view))
    return image.crop(image.getbbox())


def figure(code: str, body: Body) -> Image.Image:
    """The body with its head in front of it, cropped."""
    canvas = _image(*looked_at(body.parts, body.patches, SIDE, ACROSS, View()))
    head = _head(code, round(body.wide / ACROSS * SIDE), fade=body.fade)
    x, y = body.head[0] / ACROSS * SIDE + SIDE / 2, SIDE * GROUND - body.head[1] / ACROSS * SIDE
    left, top = round(x - head.width / 2), round(y - head.height / 2)
    if top < 0:
        canvas = _taller(canvas, -top)
        top = 0
    canvas = _shaded(canvas, head, left, top)
    canvas.alpha_composite(head, (max(0, left), top))
    return canvas.crop(canvas.getbbox())


def _image(colours: Plane, alpha: Plane) -> Image.Image:
    return Image.fromarray((np.clip(np.dstack([colours, alpha]), 0, 1) * 255 + 0.5).astype("uint8"), "RGBA")


def _taller(canvas: Image.Image, more: int) -> Image.Image:
    grown = Image.new("RGBA", (canvas.width, canvas.height + more))
    grown.paste(canvas, (0, more))
    return grown


def _head(code: str, wide: int, *, fade: float) -> Image.Image:
    """The head that ships, enlarged; its lowest part fades out where the neck goes on."""
    image = emoji_picture(code)
    image = image.crop(image.getbbox())
    pixels = to_pixels(image)
    picture, alpha = enlarged_cutout(bled(pixels[..., :3], pixels[..., 3]), pixels[..., 3])
    alpha = alpha * np.clip(
        np.linspace(alpha.shape[0], 0, alpha.shape[0])[:, None] / (alpha.shape[0] * fade + 1e-6), 0, 1
    )
    large = _image(picture, alpha)
    return large.resize((wide, round(wide * large.height / large.width)), Image.Resampling.LANCZOS)


def _shaded(canvas: Image.Image, head: Image.Image, left: int, top: int) -> Image.Image:
    """The head's soft shadow on the body."""
    cover = Image.new("L", canvas.size)
    cover.paste(head.getchannel("A"), (left, top + SIDE // 26))
    dark = np.asarray(cover.filter(ImageFilter.GaussianBlur(SIDE / 34)), np.float32)[..., None] / 255
    pixels = np.asarray(canvas, np.float32)
    pixels = pixels * np.concatenate([1 - dark * (0.42, 0.5, 0.4), np.ones_like(dark)], -1)
    return Image.fromarray((pixels + 0.5).astype("uint8"), "RGBA")


main()
