from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from limner.providers.diffusers import job_lines
from limner.providers.diffusers.pipeline import (
    UnusableSetup,
    arguments,
    chosen_device,
    chosen_dtype,
    opened,
    side_by_side,
)


def torch(*, cuda: bool = False, mps: bool = False, bfloat16: bool = True) -> Any:
    """A torch that finds these devices."""

    def is_bf16_supported(*, including_emulation: bool) -> bool:
        return bfloat16 or including_emulation

    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: cuda, is_bf16_supported=is_bf16_supported),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )


def job(pipeline: str, canvas: tuple[int, int] | None = None) -> job_lines.PipelineJob:
    model = job_lines.PipelineModel("/models/one", pipeline, "auto", "auto", "none")
    return job_lines.PipelineJob(1, model, "a red fox", 320, 192, 4, 2.5, 256, 7, (), canvas, "canvas/picture.png")


ASKED = {
    "prompt": "a red fox",
    "width": 320,
    "height": 192,
    "num_inference_steps": 4,
    "guidance_scale": 2.5,
    "max_sequence_length": 256,
}


@pytest.mark.parametrize(
    ("found", "configured", "device"),
    [
        (torch(cuda=True, mps=True), "auto", "cuda"),
        (torch(mps=True), "auto", "mps"),
        (torch(), "auto", "cpu"),
        (torch(cuda=True), "cuda:1", "cuda:1"),
        (torch(cuda=True), "cpu", "cpu"),
    ],
)
def test_the_best_device_is_used_unless_one_is_configured(found: Any, configured: str, device: str) -> None:
    assert chosen_device(found, configured) == device


@pytest.mark.parametrize("configured", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_reported(configured: str) -> None:
    with pytest.raises(UnusableSetup, match=f"the route sets device {configured}"):
        chosen_device(torch(), configured)


@pytest.mark.parametrize(
    ("found", "configured", "device", "dtype"),
    [
        (torch(), "auto", "cpu", "bfloat16"),
        (torch(), "auto", "cuda:1", "bfloat16"),
        (torch(bfloat16=False), "auto", "cuda", "float16"),
        (torch(bfloat16=False), "float32", "cuda", "float32"),
    ],
)
def test_numbers_are_as_small_as_the_device_can_take_well(found: Any, configured: str, device: str, dtype: str) -> None:
    assert chosen_dtype(found, configured, device) == dtype


def test_flux_gets_words_alone() -> None:
    assert arguments(job("FluxPipeline"), []) == ASKED


def test_kontext_without_a_picture_draws_what_was_asked() -> None:
    fixed = {"max_area": 320 * 192, "_auto_resize": False}

    assert arguments(job("FluxKontextPipeline"), []) == ASKED | fixed


def test_kontext_gets_one_canvas_of_its_own_size() -> None:
    asked = arguments(job("FluxKontextPipeline", (448, 144)), [Image.new("RGB", (50, 100)), Image.new("RGB", (90, 30))])

    assert asked["image"].size == (448, 144)


def test_klein_gets_a_list() -> None:
    pictures = [Image.new("RGB", (50, 100)), Image.new("RGB", (90, 30))]

    assert arguments(job("Flux2KleinPipeline"), pictures) == ASKED | {"image": pictures}
    assert arguments(job("Flux2KleinPipeline"), []) == ASKED


def test_pictures_stand_in_a_row_without_gaps_each_in_its_shape() -> None:
    pictures = [Image.new("RGB", (100, 200), "red"), Image.new("RGB", (400, 200), "green"), Image.new("RGB", (50, 50))]

    row = side_by_side(pictures, (700, 200))

    assert row.size == (700, 200)
    assert [row.getpixel((x, 100)) for x in (0, 99, 100, 499, 500, 699)] == [
        *[(255, 0, 0)] * 2,
        *[(0, 128, 0)] * 2,
        *[(0, 0, 0)] * 2,
    ]


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    glass = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    glass.putpixel((1, 0), (0, 0, 0, 0))
    glass.save(tmp_path / "glass.png")

    picture = opened(str(tmp_path / "glass.png"))

    assert picture.mode == "RGB"
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]
