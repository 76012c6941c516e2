"""Cutting the subject out of a picture: the small U2-Net says where it is, the picture says where its edges are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from limner_builtin.networks.enlarging import bled
from limner_builtin.networks.sessions import run
from limner_builtin.raster.pixels import Pixels, colour, grid, guided, luma, resized, shrunk, smoothstep, to_pixels
from limner_builtin.raster.sprite import Sprite

WORKING_SIDE = 1024
NETWORK_SIDE = 320
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEAST_AREA, MOST_AREA = 0.015, 0.93


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture with the transparency of its subject. `found` is False where no subject stood out from its ground."""

    picture: Pixels
    alpha: Pixels
    found: bool = True
    whole: Pixels | None = None
    """The picture before its subject's colours were spread into the background."""

    @property
    def cut_below(self) -> bool:
        """The lower edge of the picture runs through the subject."""
        return float((self.alpha[-3:] > 0.5).any(0).mean()) > 0.12

    @property
    def fills_frame(self) -> bool:
        """Cut off above, or on three sides: a close-up, which cannot stand anywhere by itself."""
        edges = (self.alpha[:3], self.alpha[-3:], self.alpha[:, :3].T, self.alpha[:, -3:].T)
        cut = [float((edge > 0.5).any(0).mean()) > 0.12 for edge in edges]
        return cut[0] or sum(cut) > 2

    def cropped(self) -> Sprite:
        rows = np.nonzero((self.alpha > 0.08).any(1))[0]
        columns = np.nonzero((self.alpha > 0.08).any(0))[0]
        window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return Sprite(np.ascontiguousarray(self.picture[window]), np.ascontiguousarray(self.alpha[window]))


CORNER, MARGIN = 0.12, 0.04


def freestanding(subject: Subject) -> Subject:
    """A close-up as a plate with round corners: cut out, it would end in straight edges on several sides."""
    if not subject.fills_frame:
        return subject
    picture = subject.picture if subject.whole is None else subject.whole
    height, width = picture.shape[:2]
    pad, radius = round(min(height, width) * MARGIN), min(height, width) * CORNER
    x, y = grid(height, width)
    across = np.maximum(np.abs(x - width / 2) - width / 2 + radius, 0)
    down = np.maximum(np.abs(y - height / 2) - height / 2 + radius, 0)
    plate = (1 - smoothstep(-1, 1, np.hypot(across, down) - radius)).astype(np.float32)
    around = ((pad, pad), (pad, pad))
    return Subject(np.pad(picture, (*around, (0, 0)), mode="edge"), np.pad(plate, around), found=subject.found)


def opened(path: Path) -> Image.Image:
    """The picture, at most `WORKING_SIDE` pixels long: more would cost time and add nothing at our sizes."""
    with Image.open(path) as image:
        image.load()
        converted = _of_eight_bits(image).convert(
            "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
        )
    converted.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    return converted


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits in eight: Pillow's own conversion clips it at 255 instead."""
    if not image.mode.startswith(("I", "F")):
        return image
    tones = np.asarray(image, np.float32)
    scale = 257.0 if tones.max() > 255 else 1.0
    return Image.fromarray(np.clip(tones / scale + 0.5, 0, 255).astype(np.uint8))


def subject_of(image: Image.Image) -> Subject:
    if image.mode == "RGBA":
        pixels = to_pixels(image)
        opaque = float((pixels[..., 3] > 0.5).mean())
        if 0 < opaque < 0.98:
            return Subject(bled(pixels[..., :3], pixels[..., 3]), np.ascontiguousarray(pixels[..., 3]))
    picture = to_pixels(image.convert("RGB"))
    alpha = _edges(picture, saliency(picture))
    if not LEAST_AREA < float((alpha > 0.5).mean()) < MOST_AREA:
        return Subject(picture, np.ones(alpha.shape, np.float32), found=False)
    return Subject(bled(picture, alpha), alpha, whole=picture)


def whole_of(image: Image.Image) -> Subject:
    """The picture without a search for its subject."""
    picture = to_pixels(image.convert("RGB"))
    return Subject(picture, np.ones(picture.shape[:2], np.float32), found=False)


def saliency(picture: Pixels) -> Pixels:
    """Where the subject is, from 0 to 1, at the picture's own size."""
    small = shrunk(picture, NETWORK_SIDE, NETWORK_SIDE)
    normal = (small / max(float(small.max()), 1e-3) - colour(*MEAN)) / colour(*DEVIATION)
    answer = run("u2netp", np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32))[0][0, 0]
    low, high = float(answer.min()), float(answer.max())
    return np.clip(resized((answer - low) / (high - low + 1e-6), picture.shape[1], picture.shape[0]), 0, 1)


def _edges(picture: Pixels, rough: Pixels) -> Pixels:
    reach = max(4, max(rough.shape) // 110)
    fine = guided(luma(picture), rough, reach, 2e-4)
    sure = np.where(rough > 0.97, 1, np.where(rough < 0.02, 0, fine))
    return smoothstep(0.18, 0.82, sure).astype(np.float32)
