"""The four sides of a subject, from one picture of it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from limner_builtin.engine import Engine, EngineRequest

Briefs = Callable[..., EngineRequest]
VIEWS = ("front", "left", "back", "right")


@pytest.fixture(scope="module")
def lamp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tall thing with transparency around it: red on its right, blue on its left, and a white eye in front."""
    picture = Image.new("RGBA", (400, 600))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((100, 50, 300, 550), (200, 40, 40, 255))
    pen.pieslice((100, 50, 300, 550), 90, 270, (40, 60, 200, 255))
    pen.ellipse((180, 150, 220, 190), (255, 255, 255, 255))
    path = tmp_path_factory.mktemp("views") / "lamp.png"
    picture.save(path)
    return path


@pytest.fixture(scope="module")
def seen(engine: Engine, brief: Briefs, lamp: Path) -> dict[str, np.ndarray]:
    def drawn(view: str) -> np.ndarray:
        rendering = engine.render(brief("", lamp, view=view), lambda _: None)
        return np.asarray(Image.open(io.BytesIO(rendering.data)).convert("RGB")).astype(float)

    return {view: drawn(view) for view in VIEWS}


def outline(picture: np.ndarray) -> tuple[int, int]:
    """Width and height of what is not white."""
    inked = picture.min(axis=2) < 245
    return int(np.ptp(np.nonzero(inked.any(0))[0])), int(np.ptp(np.nonzero(inked.any(1))[0]))


def middle(picture: np.ndarray) -> tuple[float, float]:
    """How red and how blue the middle is."""
    part = picture[400:620, 480:540]
    return float(part[..., 0].mean()), float(part[..., 2].mean())


def test_all_four_stand_on_white_at_one_height(seen: dict[str, np.ndarray]) -> None:
    heights = [outline(picture)[1] for picture in seen.values()]

    assert max(heights) - min(heights) <= 12
    assert all(picture[:20].min() == 255 for picture in seen.values())


def test_the_front_is_the_picture_and_the_back_has_no_face(seen: dict[str, np.ndarray]) -> None:
    eyes = {view: int((picture[250:420].min(axis=2) > 235)[:, 440:590].sum()) for view, picture in seen.items()}

    assert eyes["front"] > 500
    assert eyes["back"] == 0


def test_what_is_right_in_front_is_left_behind(seen: dict[str, np.ndarray]) -> None:
    half = seen["back"][:, :512], seen["back"][:, 512:]
    red = [float(part[part.min(axis=2) < 245][:, 0].mean()) for part in half]

    assert red[0] > red[1] + 30


def test_each_side_has_the_colours_that_lie_there(seen: dict[str, np.ndarray]) -> None:
    red_left, blue_left = middle(seen["left"])
    red_right, blue_right = middle(seen["right"])

    assert red_left > blue_left + 30
    assert blue_right > red_right + 30


def test_a_body_is_not_as_deep_as_it_is_wide(seen: dict[str, np.ndarray]) -> None:
    assert 0.4 < outline(seen["left"])[0] / outline(seen["front"])[0] < 0.95


@pytest.mark.parametrize("view", VIEWS)
def test_it_is_said_what_was_done(engine: Engine, brief: Briefs, lamp: Path, view: str) -> None:
    rendering = engine.render(brief("", lamp, view=view), lambda _: None)

    assert rendering.method == "inflated_outline"
    assert "redrawn" in rendering.notice or "cut out" in rendering.notice
