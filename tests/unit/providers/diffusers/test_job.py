from pathlib import Path
from typing import Any

import pytest

from limner.domain.aspect_ratio import ratio
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import Delivered, GenerationRequest, ReferenceImage
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.folder import PIPELINES, Weights
from limner.providers.diffusers.job import _TRAINED_SHAPES, decode, encode, process_failure
from limner.providers.diffusers.pipeline_options import PipelineOptions
from unit.providers.fake_vendor import order, references

FLUX = Weights(Path("/models/FLUX.1-dev"), "FluxPipeline", PIPELINES["FluxPipeline"])
KONTEXT = Weights(Path("/models/FLUX.1-Kontext-dev"), "FluxKontextPipeline", PIPELINES["FluxKontextPipeline"])
KLEIN = Weights(Path("/models/FLUX.2-klein-4B"), "Flux2KleinPipeline", PIPELINES["Flux2KleinPipeline"])


def job_for(asked: GenerationRequest, weights: Weights = FLUX, **options: Any) -> job_lines.PipelineJob:
    job = encode(asked, weights, PipelineOptions(**options), 1)
    assert isinstance(job, job_lines.PipelineJob)
    return job


def picture(width: int, height: int) -> ReferenceImage:
    return ReferenceImage(Path(f"/nowhere/{width}x{height}.png"), "image/png", width, height)


def test_an_order_becomes_a_job_at_the_model_s_own_pace() -> None:
    job = job_for(order(Path("/scratch"), "FLUX.1-dev", seed=11))

    assert job.model == job_lines.PipelineModel("/models/FLUX.1-dev", "FluxPipeline", "auto", "auto", "none")
    assert (job.prompt, job.seed, job.out) == ("a red fox", 11, "/scratch/picture.png")
    assert (job.steps, job.guidance, job.max_sequence_length) == (28, 3.5, 512)
    assert (job.width, job.height) == (1024, 1024)


def test_configured_options_override_the_model_s_defaults() -> None:
    options = {"steps": 12, "guidance": 0, "max_sequence_length": 256, "device": "cuda:1", "offload": "model"}

    job = job_for(order(), **options)

    assert (job.steps, job.guidance, job.max_sequence_length) == (12, 0.0, 256)
    assert (job.model.device, job.model.offload) == ("cuda:1", "model")


def test_a_job_travels_to_the_process_and_back_unchanged() -> None:
    job = job_for(order(references=references(2)), KONTEXT)

    assert job_lines.job_of(job_lines.decoded(job_lines.job_line(job))) == job


@pytest.mark.parametrize(
    ("shape", "size"),
    [("1:1", (1024, 1024)), ("16:9", (1360, 768)), ("9:16", (768, 1360)), ("21:9", (1568, 672)), ("10:1", (1776, 592))],
)
def test_the_shape_asked_for_has_a_megapixel(shape: str, size: tuple[int, int]) -> None:
    job = job_for(order(aspect_ratio=shape))

    assert (job.width, job.height) == size


@pytest.mark.parametrize(
    ("asked", "shape", "size"),
    [("1K", "16:9", (1360, 768)), ("800x608", None, (800, 608)), ("4096x4096", None, (1440, 1456))],
)
def test_the_size_asked_for_is_made_up_to_two_megapixels(asked: str, shape: str | None, size: tuple[int, int]) -> None:
    job = job_for(order(aspect_ratio=shape, spec=TaskSpec("a red fox", size=asked)))

    assert (job.width, job.height) == size


def test_megapixels_make_pictures_smaller_and_larger() -> None:
    small, large = job_for(order(), megapixels=0.0625), job_for(order(), megapixels=4)

    assert (small.width, small.height) == (256, 256)
    assert (large.width, large.height) == (2048, 2048)


@pytest.mark.parametrize("weights", [KONTEXT, KLEIN])
def test_without_a_shape_the_picture_has_that_of_the_first_reference(weights: Weights) -> None:
    job = job_for(order(references=(picture(600, 400), picture(100, 900))), weights)

    assert (job.width, job.height) == (1248, 832)


def test_klein_sees_its_references_as_they_are() -> None:
    job = job_for(order(references=references(3)), KLEIN)

    assert job.references == ("/nowhere/1.png", "/nowhere/2.png", "/nowhere/3.png")
    assert job.canvas is None
    assert job.prompt == "a red fox"


@pytest.mark.parametrize("shape", _TRAINED_SHAPES)
def test_kontext_sees_one_reference_in_a_size_it_was_trained_on(shape: str) -> None:
    width, height = (int(side) for side in shape.split(":"))

    job = job_for(order(references=(picture(2 * width, 2 * height),)), KONTEXT)

    assert job.canvas == (width, height)


def test_kontext_sees_a_picture_between_two_such_sizes_in_the_nearer() -> None:
    job = job_for(order(references=(picture(1600, 900),)), KONTEXT)

    assert job.canvas == (1392, 752)


def test_kontext_sees_less_of_a_reference_for_a_small_picture_and_never_more_for_a_large_one() -> None:
    small, large = (
        job_for(order(references=(picture(900, 900),)), KONTEXT, megapixels=size).canvas for size in (0.0625, 4)
    )

    assert (small, large) == ((256, 256), (1024, 1024))


def test_kontext_sees_a_strip_as_a_strip() -> None:
    job = job_for(order(references=(picture(4000, 1000),)), KONTEXT)

    assert job.canvas == (2048, 512)


def test_kontext_sees_several_references_in_a_row_and_is_reported_which_is_which() -> None:
    job = job_for(order(references=(picture(500, 1000), picture(800, 400), picture(300, 300))), KONTEXT)

    assert job.canvas is not None
    assert job.canvas[0] / job.canvas[1] == pytest.approx(0.5 + 2 + 1, rel=0.02)
    assert job.prompt == (
        "The input image shows 3 pictures side by side, from left to right: image 1, image 2, image 3.\na red fox"
    )


@pytest.mark.parametrize(("weights", "most"), [(FLUX, 0), (KONTEXT, 4), (KLEIN, 4)])
def test_more_pictures_than_the_model_takes_are_refused(weights: Weights, most: int) -> None:
    refused = encode(order(references=references(most + 1)), weights, PipelineOptions(), 1)

    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.BAD_INPUT
    assert refused.reason.startswith(weights.folder.name)
    assert f"{most + 1} came" in refused.reason


def test_every_side_is_whole_patches_however_odd_the_shape() -> None:
    shapes = [f"{width}:{height}" for width in (1, 7, 13, 300) for height in (1, 5, 64, 299)]
    jobs = [job_for(order(aspect_ratio=shape), megapixels=0.3) for shape in shapes]

    assert {job.width % 16 for job in jobs} | {job.height % 16 for job in jobs} == {0}
    assert all(0.3 < job.width / job.height < 3.2 for job in jobs)
    assert [job.width > job.height for job in jobs] == [ratio(shape) > 1.02 for shape in shapes]


def test_what_the_process_did_is_what_is_reported() -> None:
    job = job_for(order(Path("/scratch")))

    delivered = decode({"number": 1, "done": {"device": "cuda", "dtype": "bfloat16", "seconds": 4.2}}, job)

    assert isinstance(delivered, Delivered)
    assert delivered.picture.source == Path("/scratch/picture.png")
    assert delivered.served_by == {
        "provider": "diffusers",
        "model": "FLUX.1-dev",
        "pipeline": "FluxPipeline",
        "generative": True,
        "steps": 28,
        "guidance": 3.5,
        "device": "cuda",
        "dtype": "bfloat16",
        "seconds": 4.2,
    }


def test_a_failure_of_the_process_is_ours() -> None:
    failed = {"number": 1, "failed": "transient", "reason": "the memory did not suffice", "detail": "OutOfMemoryError"}

    failure = decode(failed, job_for(order()))

    assert failure == Failure(FailureKind.TRANSIENT, "the memory did not suffice", detail="OutOfMemoryError")


@pytest.mark.parametrize(
    ("code", "loading", "kind"),
    [
        (-9, True, FailureKind.MODEL_UNAVAILABLE),
        (-9, False, FailureKind.TRANSIENT),
        (-6, True, FailureKind.TRANSIENT),
        (1, False, FailureKind.TRANSIENT),
    ],
)
def test_only_a_model_that_never_fits_counts_as_unavailable(code: int, *, loading: bool, kind: FailureKind) -> None:
    failure = process_failure(code, loading=loading)

    assert failure.kind is kind
    assert failure.detail == f"exit status {code}"
    assert ("memory" in failure.reason) is (code == -9)
