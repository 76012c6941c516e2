from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from limner_builtin.assets import emoji_picture
from limner_builtin.engine import Engine, EngineRequest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def brief() -> Callable[..., EngineRequest]:
    def make(prompt: str = "", *references: Path, **options: object) -> EngineRequest:
        facts: dict[str, object] = {
            "template": None,
            "t_pose": False,
            "sketch_to_render": False,
            "own_references": len(references),
            "aspect_ratio": None,
            "seed": 7,
            **options,
        }
        return EngineRequest(prompt=prompt, references=references, **facts)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References drawn here: a person, two separate balls, a closed line drawing, an even field, and odd ones."""
    folder = tmp_path_factory.mktemp("pictures")
    _person().save(folder / "person.png")
    _balls().save(folder / "balls.png")
    _drawing().save(folder / "drawing.png")
    Image.new("RGB", (320, 240), (120, 140, 160)).save(folder / "field.jpg")
    Image.new("RGB", (1, 1), "red").save(folder / "one.png")
    Image.new("RGBA", (64, 64)).save(folder / "clear.png")
    Image.new("RGB", (900, 30), "blue").save(folder / "wide.png")
    return folder


def _person() -> Image.Image:
    image = Image.new("RGB", (360, 420), (232, 228, 222))
    person = emoji_picture("1f9cd").resize((360, 360))
    image.paste(person, (0, 30), person)
    return image


def _balls() -> Image.Image:
    image = Image.new("RGB", (480, 320), (245, 245, 240))
    pen = ImageDraw.Draw(image)
    pen.ellipse((40, 80, 200, 240), fill=(200, 60, 40))
    pen.ellipse((280, 80, 440, 240), fill=(40, 80, 190))
    return image


def _drawing() -> Image.Image:
    image = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(image)
    pen.ellipse((110, 30, 290, 210), outline="black", width=6)
    pen.rounded_rectangle((130, 205, 270, 370), 30, outline="black", width=6)
    return image
