"""Plain edits: the picture stays the caller's own but for what was asked."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner_builtin.engine import Engine, EngineRequest
from limner_builtin.metadata import ImageForm

Briefs = Callable[..., EngineRequest]
Edit = Callable[..., tuple[Image.Image, str]]
CORNER = (10, 10)


def quiet(percent: int) -> None:
    assert 0 <= percent <= 100


@pytest.fixture
def edit(engine: Engine, brief: Briefs, pictures: Path) -> Edit:
    """The picture that a prompt makes of references by their names, and the notice that comes with it."""

    def make(prompt: str, *names: str, **options: object) -> tuple[Image.Image, str]:
        rendering = engine.render(brief(prompt, *(pictures / name for name in names), **options), quiet)
        return Image.open(io.BytesIO(rendering.data)), f"{rendering.method}: {rendering.notice}"

    return make


def rgb(picture: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    found = picture.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return found


def test_a_dark_picture_is_lit_as_by_day(edit: Edit, pictures: Path) -> None:
    dark = Image.open(pictures / "balls.png").point([round(value * 0.22) for value in range(256)] * 3)
    dark.save(pictures / "dark.png")

    picture, notice = edit("make it day", "dark.png")

    assert notice.startswith("adjusted: Your picture, changed as asked: it is lit as by day")
    assert np.asarray(picture.convert("L")).mean() > 3 * np.asarray(dark.convert("L")).mean()


def test_grey_of_sixteen_bits_keeps_its_tones(edit: Edit, pictures: Path) -> None:
    ramp = np.linspace(0, 65535, 320, dtype=np.uint16)[None].repeat(240, 0)
    Image.fromarray(ramp).save(pictures / "deep.png")

    picture, _ = edit("mirror it", "deep.png")

    left, right = rgb(picture, (10, 100))[0], rgb(picture, (picture.width - 10, 100))[0]
    assert left > 235
    assert right < 20
    assert abs(rgb(picture, (picture.width // 2, 100))[0] - 127) < 8


def test_the_background_becomes_the_colour_that_was_asked_for(edit: Edit) -> None:
    picture, told = edit("green background", "person.png")

    red, green, blue = rgb(picture, CORNER)
    assert green > red + 40
    assert green > blue + 40
    assert "its background is green" in told


def test_a_removed_background_is_transparent(edit: Edit) -> None:
    picture, told = edit("remove the background", "person.png")

    assert picture.mode == "RGBA"
    assert np.asarray(picture)[10, 10, 3] == 0
    assert np.asarray(picture)[..., 3].max() == 255
    assert "transparent" in told


def test_a_jpeg_tells_that_it_cannot_be_transparent(edit: Edit) -> None:
    picture, told = edit("remove the background", "person.png", form=ImageForm("jpeg"))

    assert min(rgb(picture, CORNER)) > 245
    assert "a JPEG cannot be transparent" in told


def test_an_even_field_has_no_background_and_says_so(edit: Edit) -> None:
    assert "no subject stood out" in edit("red background", "field.jpg")[1]


def test_the_subject_changes_its_colour_and_the_background_does_not(edit: Edit, pictures: Path) -> None:
    before, _ = edit("make it brighter", "person.png")
    after, told = edit("make it blue, brighter", "person.png")

    here, there = np.asarray(before.convert("RGB"), np.int16), np.asarray(after.convert("RGB"), np.int16)
    changed = np.abs(here - there).max(2) > 24
    assert changed.mean() > 0.05
    assert not changed[:40, :40].any()
    assert "its subject is blue" in told


def test_black_and_white_has_no_colour(edit: Edit) -> None:
    pixels = np.asarray(edit("black and white", "balls.png")[0].convert("RGB"), np.int16)

    assert (pixels.max(2) - pixels.min(2)).max() <= 2


def test_a_mirrored_picture_is_the_same_the_other_way_round(edit: Edit) -> None:
    plain, mirrored = edit("brighter", "balls.png")[0], edit("brighter, mirror it", "balls.png")[0]

    assert np.array_equal(np.asarray(plain)[:, ::-1], np.asarray(mirrored))


def test_night_is_darker_and_bluer(edit: Edit) -> None:
    day, night = (np.asarray(edit(p, "person.png")[0].convert("RGB"), np.float32) for p in ("sharper", "make it night"))

    assert night.mean() < day.mean() * 0.6
    assert night[..., 2].mean() > night[..., 0].mean()


@pytest.mark.parametrize("look", ["oil painting", "watercolor", "ink drawing", "comic style", "pencil drawing"])
def test_a_look_keeps_the_picture_and_names_itself(look: str, edit: Edit) -> None:
    picture, told = edit(f"make it look like a {look}", "person.png")

    assert "it looks like a" in told
    assert "Not drawn" not in told
    assert np.asarray(picture.convert("L")).std() > 12


def test_the_style_of_another_picture_is_carried_over(edit: Edit) -> None:
    picture, told = edit("image[1] in the style of image[2]", "person.png", "balls.png")

    assert told.startswith("neural_style")
    assert "Pictures used" not in told
    assert picture.width < picture.height  # the shape of image[1]


def test_the_colours_of_another_picture_are_taken(edit: Edit) -> None:
    own = np.asarray(edit("brighter, darker", "person.png")[0].convert("RGB"), np.float32)
    picture, told = edit("Use the style of image[1] with colors from image[2]", "person.png", "balls.png")

    assert "its colours are those of image[2]" in told
    assert "Not drawn" not in told
    assert np.abs(np.asarray(picture.convert("RGB"), np.float32) - own).mean() > 4


@pytest.mark.parametrize("prompt", ["make it bigger", "make it smaller", "red background", "blur the background"])
@pytest.mark.parametrize("name", ["one.png", "clear.png", "wide.png", "field.jpg"])
def test_odd_pictures_are_borne(prompt: str, name: str, edit: Edit) -> None:
    assert edit(prompt, name)[1].startswith("adjusted")


def test_what_is_added_or_put_elsewhere_is_a_scene(edit: Edit) -> None:
    assert edit("wearing a crown", "person.png")[1].startswith("composited")
    assert edit("put it on the beach, black and white", "person.png")[1].startswith("composited")
