"""The built-in templates' pictures are what the script draws, and fit for every model."""

from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageChops

from limner.templates.loader import load_templates
from project_scripts import load_script

PATHS = {f"{it.template.slug}/{path.name}": path for it in load_templates().values() for path in it.pictures}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("draw_template_pictures")


@pytest.mark.long
@pytest.mark.parametrize("name", PATHS)
def test_the_script_draws_it_pixel_for_pixel(script: ModuleType, name: str) -> None:
    drawn = script.PICTURES[name]()

    with Image.open(PATHS[name]) as kept:
        assert (drawn.mode, drawn.size) == (kept.mode, kept.size)
        assert ImageChops.difference(drawn, kept).getbbox() is None


def test_the_script_draws_them_all_and_no_other(script: ModuleType) -> None:
    assert set(script.PICTURES) == set(PATHS)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_it_is_small_and_plain_enough_for_every_model(path: Path) -> None:
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert max(picture.size) == 768
        assert min(picture.size) >= 256
        assert not picture.info

    assert path.stat().st_size <= 150 * 1024
