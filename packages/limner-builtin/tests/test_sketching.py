"""Drawings as solids: gaps are closed, single strokes become tubes, what is no drawing is told."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from limner_builtin.edits.sketching import is_drawing
from limner_builtin.engine import Engine, EngineRequest
from limner_builtin.raster.pixels import to_pixels

Briefs = Callable[..., EngineRequest]
Draw = Callable[[ImageDraw.ImageDraw], None]


def hut(pen: ImageDraw.ImageDraw) -> None:
    """Walls and a roof that do not meet: gaps of some twenty pixels."""
    pen.line((120, 250, 256, 120, 395, 255), fill="black", width=4)
    pen.line((150, 262, 150, 420, 260, 420), fill="black", width=4)
    pen.line((280, 422, 362, 420, 362, 268), fill="black", width=4)


def cross(pen: ImageDraw.ImageDraw) -> None:
    pen.line((256, 100, 256, 400), fill="black", width=6)
    pen.line((120, 220, 392, 220), fill="black", width=6)


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[[Draw], Path]:
    def save(draw: Draw) -> Path:
        image = Image.new("RGB", (512, 512), "white")
        draw(ImageDraw.Draw(image))
        image.save(tmp_path / "drawing.png")
        return tmp_path / "drawing.png"

    return save


@pytest.fixture
def solid(engine: Engine, brief: Briefs) -> Callable[[Path], tuple[np.ndarray, str]]:
    """The picture of a sketch as numbers, and what is told of it."""

    def render(path: Path) -> tuple[np.ndarray, str]:
        done = engine.render(brief("", path, sketch_to_render=True), lambda _: None)
        return np.asarray(Image.open(io.BytesIO(done.data)).convert("RGB"), np.int16), f"{done.method}: {done.notice}"

    return render


Solid = Callable[[Path], tuple[np.ndarray, str]]


def test_an_outline_with_gaps_becomes_one_body(drawn: Callable[[Draw], Path], solid: Solid) -> None:
    picture, told = solid(drawn(hut))

    assert told.startswith("inflated_sketch")
    wall, outside = picture[700, 512], picture[60, 60]
    assert wall.max() - wall.min() > 40  # coloured, where the sheet is nearly grey
    assert outside.max() - outside.min() < 25


def test_strokes_that_enclose_nothing_become_tubes(drawn: Callable[[Draw], Path], solid: Solid) -> None:
    picture, _ = solid(drawn(cross))

    stroke, beside = picture[700, 512], picture[700, 640]
    assert stroke.max() - stroke.min() > 40
    assert beside.max() - beside.min() < 25


def test_a_picture_that_is_no_drawing_says_so_and_names_a_model(pictures: Path, solid: Solid) -> None:
    _, told = solid(pictures / "field.jpg")

    assert "This is no line drawing" in told
    assert "gemini_2.5_flash_image_preview" in told


def test_paper_with_strokes_is_a_drawing_and_noise_is_not(pictures: Path) -> None:
    noise = np.random.default_rng(1).random((64, 64, 3)).astype(np.float32)

    assert is_drawing(to_pixels(Image.open(pictures / "drawing.png").convert("RGB")))
    assert not is_drawing(noise)
