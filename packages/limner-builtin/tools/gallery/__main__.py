"""Draw what the built-in engine is judged by, as contact sheets: `python tools/gallery FOLDER [--photos FOLDER] [--accept]`.

The photographs are those of scikit-image (`skimage/data` of its wheel), all in the public domain or under CC0; without
them the presets are drawn over pictures that are made here. `--accept` takes what is drawn now as the goldens of the tests.
"""

import argparse
import io
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

from inputs import drawn_inputs
from PIL import Image, ImageDraw, ImageFont

from limner_builtin.edits.templates import EDITS
from limner_builtin.engine import Engine, EngineRequest, Rendering

HERE = Path(__file__).parent
GOLDENS = HERE.parents[1] / "tests" / "goldens"
SIDE, TILE, CAPTION, COLUMNS, ROWS = 384, 256, 120, 6, 3
GOLDEN_SIDE = 96
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "camera.png", "rocket.jpg", "horse.png", "moon.png")
EDIT_PROMPTS = (
    "red background", "white background", "remove the background", "make it blue", "black and white", "make it night",
    "make it day", "make it bigger", "make it smaller", "blur the background", "oil painting", "watercolor", "ink drawing",
    "put it on the beach at sunset", "wearing a crown", "a cat next to it",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--accept", action="store_true")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    engine, sections = Engine(), tomllib.loads((HERE / "prompts.toml").read_text())
    if chosen.accept:
        accept(engine, sections["goldens"]["prompts"])
        return
    for name, section in sections.items():
        if name != "goldens":
            laid(chosen.folder, name, (scene(engine, prompt) for prompt in section["prompts"]), COLUMNS)
    inputs = drawn_inputs(chosen.folder / "inputs")
    if chosen.photos:
        inputs = [*(chosen.photos / name for name in PHOTOS), *inputs]
    laid(chosen.folder, "presets", presets(engine, inputs), len(EDITS) + 1)
    laid(chosen.folder, "edits", edits(engine, inputs), len(EDIT_PROMPTS))


def asked(prompt: str, *references: Path, **options: object) -> EngineRequest:
    facts: dict[str, object] = {
        "template": None,
        "t_pose": False,
        "sketch_to_render": False,
        "aspect_ratio": None,
        "seed": 7,
    }
    return EngineRequest(prompt=prompt, references=references, own_references=len(references), **(facts | options))  # type: ignore[arg-type]


def scene(engine: Engine, prompt: str) -> Image.Image:
    rendering = engine.render(asked(prompt, size=(SIDE, SIDE)), lambda _: None)
    names = ", ".join(match["name"] for match in rendering.matched)
    return tile(rendering, f"{prompt}\n= {names}\n{left_out(rendering)}")


def presets(engine: Engine, inputs: list[Path]) -> Iterator[Image.Image]:
    for path in inputs:
        for template in EDITS:
            yield tile(engine.render(asked("", path, template=template), lambda _: None), f"{path.stem}: {template}")
        rendering = engine.render(asked("", path, sketch_to_render=True), lambda _: None)
        yield tile(rendering, f"{path.stem}: sketch_to_render")


def edits(engine: Engine, inputs: list[Path]) -> Iterator[Image.Image]:
    for path in inputs:
        for prompt in EDIT_PROMPTS:
            rendering = engine.render(asked(prompt, path), lambda _: None)
            yield tile(rendering, f"{path.stem}: {prompt}\n{left_out(rendering)}")


def left_out(rendering: Rendering) -> str:
    """What the notice says is replaced or left out."""
    return " ".join(
        rendering.notice[rendering.notice.index(word) :].split(".")[0] + "."
        for word in ("Changed:", "Not drawn:")
        if word in rendering.notice
    )


def tile(rendering: Rendering, caption: str) -> Image.Image:
    with Image.open(io.BytesIO(rendering.data)) as picture:
        shown = Image.new("RGBA", picture.size, "magenta")
        shown.alpha_composite(picture.convert("RGBA"))
    shown.thumbnail((TILE, TILE))
    whole = Image.new("RGB", (TILE, TILE + CAPTION), "white")
    whole.paste(shown.convert("RGB"))
    lines = [part for line in caption.splitlines() for part in textwrap.wrap(line, 40)]
    ImageDraw.Draw(whole).text((2, TILE + 2), "\n".join(lines), "black", ImageFont.load_default(12))
    return whole


def laid(folder: Path, name: str, tiles: Iterator[Image.Image], columns: int) -> None:
    """Sheets of `ROWS` rows, as large as can be looked at tile by tile."""
    for number, part in enumerate(parts(tiles, columns * ROWS)):
        rows = -(-len(part) // columns)
        sheet = Image.new("RGB", (columns * (TILE + 4), rows * (TILE + CAPTION + 4)), "white")
        for place, each in enumerate(part):
            sheet.paste(each, (place % columns * (TILE + 4), place // columns * (TILE + CAPTION + 4)))
        sheet.save(folder / f"{name}-{number}.png")
        print(folder / f"{name}-{number}.png", flush=True)


def parts(tiles: Iterator[Image.Image], size: int) -> Iterator[list[Image.Image]]:
    part: list[Image.Image] = []
    for each in tiles:
        part.append(each)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def accept(engine: Engine, prompts: list[str]) -> None:
    GOLDENS.mkdir(exist_ok=True)
    for old in GOLDENS.glob("*.webp"):
        old.unlink()
    for number, prompt in enumerate(prompts):
        rendering = engine.render(asked(prompt, size=(SIDE, SIDE)), lambda _: None)
        with Image.open(io.BytesIO(rendering.data)) as picture:
            small = picture.convert("RGB").resize((GOLDEN_SIDE, GOLDEN_SIDE), Image.Resampling.BOX)
        small.save(GOLDENS / f"{number:02}.webp", lossless=True)


main()
