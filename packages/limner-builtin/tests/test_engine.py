import hashlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limner_builtin
from limner_builtin.edits.templates import EDITS
from limner_builtin.engine import Engine, EngineRequest, size_of
from limner_builtin.metadata import ImageForm

Briefs = Callable[..., EngineRequest]


def quiet(percent: int) -> None:
    assert 0 <= percent <= 100


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("ratio", "size"), [("1:1", (1024, 1024)), ("16:9", (1360, 768)), ("9:16", (768, 1360)), ("nonsense", (1024, 1024))]
)
def test_sizes_are_a_megapixel_in_steps_of_sixteen(ratio: str, size: tuple[int, int]) -> None:
    assert size_of(ratio) == size


def test_a_scene_says_what_it_drew_and_what_it_could_not(engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("a photorealistic mushroom on the beach"), quiet)

    assert opened(rendering.data).size == (rendering.width, rendering.height) == (1024, 1024)
    assert rendering.matched == ({"phrase": "mushroom", "asset": "emoji:1f344", "name": "mushroom", "score": 1.0},)
    assert rendering.unmatched == ("photorealistic",)
    assert rendering.method == "composited"
    assert "not generated" in rendering.notice


def test_the_notice_says_what_is_drawn_otherwise_and_what_is_not_drawn(engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("a blorb photo of a corgi"), quiet)

    assert "corgi is drawn as dog." in rendering.notice
    assert "Not drawn: blorb, photo." in rendering.notice


def test_nothing_known_still_gives_a_picture(engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("quantum blorb"), quiet)

    assert rendering.method == "still_life"
    assert np.asarray(opened(rendering.data)).std() > 15
    assert "None of the prompt's words" in rendering.notice


def test_a_place_alone_is_a_landscape(engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("a snowy forest at night", template="figure"), quiet)

    assert (rendering.method, rendering.unmatched) == ("composited", ())


@pytest.mark.parametrize("prompt", ["", "on on on", "wearing a hat", "cat " * 100])
def test_any_prompt_gives_a_picture(prompt: str, engine: Engine, brief: Briefs) -> None:
    assert engine.render(brief(prompt, aspect_ratio="3:1"), quiet).width == 1776


ODD = [("clear.png", template) for template in (*EDITS, None)]
ODD += [(name, template) for name in ("one.png", "wide.png") for template in ("asset_extraction", None)]


@pytest.mark.parametrize(("name", "template"), ODD)
def test_odd_references_are_borne(
    name: str, template: str | None, engine: Engine, brief: Briefs, pictures: Path
) -> None:
    assert engine.render(brief("", pictures / name, template=template), quiet).notice


def test_another_seed_is_another_picture(engine: Engine, brief: Briefs) -> None:
    first = engine.render(brief("a tulip", seed=1, aspect_ratio="1:1"), quiet)
    second = engine.render(brief("a tulip", seed=2, aspect_ratio="1:1"), quiet)

    assert first.data != second.data


def test_progress_only_grows(engine: Engine, brief: Briefs) -> None:
    reported: list[int] = []

    engine.render(brief("a tulip and a rose"), reported.append)

    assert reported == sorted(reported)
    assert reported[-1] == 100


SCRIPT = """
import hashlib, sys
from pathlib import Path
from limner_builtin.engine import Engine, EngineRequest
brief = EngineRequest("a blue mushroom and a sword in a forest", None, False, False, (), 0, "4:3", 5)
print(hashlib.sha256(Engine().render(brief, lambda percent: None).data).hexdigest())
"""


def test_the_same_brief_gives_the_same_bytes_in_another_process(engine: Engine, brief: Briefs) -> None:
    engine.render(brief("a mushroom"), quiet)  # a warm cache must not show
    here = engine.render(brief("a blue mushroom and a sword in a forest", aspect_ratio="4:3", seed=5), quiet)

    home = str(Path(limner_builtin.__file__).parents[1])
    there = subprocess.run([sys.executable, "-c", SCRIPT], cwd=home, capture_output=True, text=True, check=True)

    assert there.stdout.strip() == hashlib.sha256(here.data).hexdigest()


TEMPLATES = {
    "print_clay": (1.0, "estimated_relief"),
    "3d_enhance": (1.0, "estimated_relief"),
    "figure": (1.0, "composited"),
    "head_extraction": (1.0, "transform"),
    "asset_extraction": (16 / 9, "transform"),
    "t_pose": (1.0, "approximate_body"),
    "character_completion": (3 / 4, "approximate_body"),
    "variants": (1.0, "estimated_relief"),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_edits_the_caller_s_picture(
    template: str, engine: Engine, brief: Briefs, pictures: Path
) -> None:
    ratio, method = TEMPLATES[template]
    own_shape = 360 / 420 if template in ("print_clay", "3d_enhance") else ratio

    rendering = engine.render(brief("", pictures / "person.png", template=template), quiet)

    picture = opened(rendering.data)
    assert picture.width / picture.height == pytest.approx(own_shape, rel=0.03)
    assert rendering.method == method
    assert rendering.notice
    assert np.asarray(picture).std() > 12


def test_head_extraction_is_on_white(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("", pictures / "person.png", template="head_extraction"), quiet)

    pixels = np.asarray(opened(rendering.data))
    assert (pixels[:8] == 255).all()
    assert (pixels[300:700, 400:600] < 250).any()


def test_without_a_face_no_body_is_made_up(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("", pictures / "balls.png", t_pose=True), quiet)

    assert rendering.method == "transform"
    assert "no T-pose was made" in rendering.notice


def test_separate_things_get_separate_cells(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("", pictures / "balls.png", template="asset_extraction"), quiet)

    pixels = np.asarray(opened(rendering.data)).astype(int)
    left, right = pixels[:, : pixels.shape[1] // 2], pixels[:, pixels.shape[1] // 2 :]
    reds = [int((half[..., 0] - half[..., 2] > 60).sum()) for half in (left, right)]
    blues = [int((half[..., 2] - half[..., 0] > 60).sum()) for half in (left, right)]
    assert min(reds) * 50 < max(reds)
    assert min(blues) * 50 < max(blues)


def test_a_sketch_becomes_solid(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("", pictures / "drawing.png", sketch_to_render=True), quiet)

    assert rendering.method == "inflated_sketch"
    middle = np.asarray(opened(rendering.data))[512, 300:700]
    assert middle.std() > 8


def test_a_plain_prompt_sets_the_subject_into_a_scene(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("on the beach with a dog", pictures / "person.png"), quiet)

    assert [match["name"] for match in rendering.matched] == ["dog"]
    assert "not redrawn" in rendering.notice


def test_several_pictures_meet_in_one_scene(engine: Engine, brief: Briefs, pictures: Path) -> None:
    request = brief("image[1] next to image[2]", pictures / "person.png", pictures / "balls.png")

    assert engine.render(request, quiet).method == "composited"


@pytest.mark.parametrize(("template", "used"), [(None, 4), ("figure", 1)])
def test_pictures_that_are_not_used_are_reported(
    engine: Engine, brief: Briefs, pictures: Path, template: str | None, used: int
) -> None:
    own = [pictures / "person.png", pictures / "balls.png"] * 3

    assert f"the first {used} of 6" in engine.render(brief("on the beach", *own, template=template), quiet).notice
    assert "Pictures used" not in engine.render(brief("on the beach", own[0], template=template), quiet).notice


def test_a_picture_without_a_subject_is_used_whole(engine: Engine, brief: Briefs, pictures: Path) -> None:
    rendering = engine.render(brief("in a room", pictures / "field.jpg"), quiet)

    assert "shown as it is" in rendering.notice


def test_example_pictures_of_a_template_are_not_drawn(engine: Engine, brief: Briefs, pictures: Path) -> None:
    alone = engine.render(brief("a tulip", template="figure"), quiet)
    with_example = engine.render(brief("a tulip", pictures / "missing.png", template="figure", own_references=0), quiet)

    assert alone.data == with_example.data


@pytest.mark.parametrize("template", ["print_clay", "figure", "t_pose", "variants", "asset_extraction"])
def test_templates_work_on_a_composed_thing(template: str, engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("a mage", template=template), quiet)

    assert [match["name"] for match in rendering.matched] == ["mage"]
    assert "not generated" in rendering.notice


@pytest.mark.parametrize("template", [None, "print_clay"])
def test_the_file_says_how_it_was_made(template: str | None, engine: Engine, brief: Briefs, pictures: Path) -> None:
    references = (pictures / "balls.png",) if template else ()

    image = Image.open(io.BytesIO(engine.render(brief("a tulip", *references, template=template), quiet).data))
    image.load()

    source = "algorithmicallyEnhanced" if template else "algorithmicMedia"
    assert image.info["Software"] == "Limner built-in engine"
    assert image.info["DigitalSourceType"].endswith("/digitalsourcetype/" + source)
    assert f"{source}" in image.info["XML:com.adobe.xmp"]
    assert "trainedAlgorithmicMedia" not in str(image.info)


@pytest.mark.parametrize("size", [(1600, 608), (256, 256)])
def test_a_picture_has_the_size_that_is_asked_for(size: tuple[int, int], engine: Engine, brief: Briefs) -> None:
    rendering = engine.render(brief("a mushroom on the beach", size=size), quiet)

    assert opened(rendering.data).size == (rendering.width, rendering.height) == size


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_a_picture_has_the_format_that_is_asked_for_and_its_label(form: str, engine: Engine, brief: Briefs) -> None:
    low, high = (engine.render(brief("a mushroom", form=ImageForm(form, quality)), quiet) for quality in (20, 95))

    with Image.open(io.BytesIO(low.data)) as picture:
        assert (picture.format, picture.size) == (form.upper(), (1024, 1024))
        assert b"algorithmicMedia" in picture.info["xmp"]
    assert len(low.data) < len(high.data)


@pytest.mark.parametrize("background", ["white", "dark", "blue", "red"])
def test_a_scene_has_the_plain_background_that_is_asked_for(engine: Engine, brief: Briefs, background: str) -> None:
    rendering = engine.render(brief(f"a tulip, {background} background", size=(256, 256)), quiet)

    corner = np.asarray(opened(rendering.data)).astype(int)[8:24, 8:24].reshape(-1, 3).mean(0)
    assert rendering.unmatched == ()
    match background:
        case "white":
            assert corner.min() > 190
        case "dark":
            assert corner.max() < 60
        case "blue":
            assert corner[2] > corner[0] + 60
        case _:
            assert corner[0] > corner[2] + 60


def test_a_background_of_a_place_is_told_as_not_drawn(engine: Engine, brief: Briefs) -> None:
    assert engine.render(brief("a tulip on the beach, red background", size=(256, 256)), quiet).unmatched == (
        "background",
    )
