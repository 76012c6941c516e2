"""Small pictures of earlier renderings: a change that is seen is accepted by `make gallery ACCEPT=1`, or is a fault."""

import io
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner_builtin.engine import Engine, EngineRequest

HERE = Path(__file__).parent
PROMPTS = tomllib.loads((HERE.parent / "tools" / "gallery" / "prompts.toml").read_text())["goldens"]["prompts"]
SIDE, SMALL = 384, 96
MEAN, PATCH = 0.012, 0.07
"""Differences of colour that rounding on another processor does not reach: of the whole picture, and of an eighth."""


def test_every_golden_has_its_prompt() -> None:
    assert len(list((HERE / "goldens").glob("*.webp"))) == len(PROMPTS)


@pytest.mark.parametrize("number", range(len(PROMPTS)), ids=PROMPTS)
def test_a_prompt_is_drawn_as_it_was(number: int, engine: Engine, brief: Callable[..., EngineRequest]) -> None:
    rendering = engine.render(brief(PROMPTS[number], size=(SIDE, SIDE)), lambda _: None)

    with (
        Image.open(io.BytesIO(rendering.data)) as picture,
        Image.open(HERE / "goldens" / f"{number:02}.webp") as golden,
    ):
        small = picture.convert("RGB").resize((SMALL, SMALL), Image.Resampling.BOX)
        distance = np.abs(np.asarray(small, np.float32) - np.asarray(golden.convert("RGB"), np.float32)).mean(2) / 255
    patches = distance.reshape(8, 12, 8, 12).mean((1, 3))
    assert distance.mean() < MEAN
    assert patches.max() < PATCH
