"""Pictures to edit that are made here: figures from the engine's own drawings, line drawings, and odd ones."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from limner_builtin.assets import emoji_picture

FIGURES = {"person": "1f9cd", "car": "1f697", "dog": "1f415", "chair": "1fa91"}


def drawn_inputs(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {name: _on_paper(code) for name, code in FIGURES.items()}
    pictures |= {"drawing": _drawing(gap=0), "open-drawing": _drawing(gap=14), "grey-16-bit": _deep_grey()}
    pictures["cut-out"] = emoji_picture("1f409")
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in pictures]


def _on_paper(code: str) -> Image.Image:
    image = Image.new("RGB", (512, 512), (226, 222, 216))
    figure = emoji_picture(code).resize((420, 420))
    image.paste(figure, (46, 60), figure)
    return image


def _drawing(gap: int) -> Image.Image:
    image = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(image)
    pen.arc((110, 30, 290, 210), gap, 360, "black", 6)
    pen.rounded_rectangle((130, 205, 270, 370), 30, outline="black", width=6)
    return image


def _deep_grey() -> Image.Image:
    tones = np.linspace(9000, 52000, 400, dtype=np.uint16)[None].repeat(300, 0)
    y, x = np.mgrid[:300, :400]
    tones[np.hypot(x - 200, y - 150) < 90] = 60000
    return Image.fromarray(tones)
