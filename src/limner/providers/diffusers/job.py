"""Encode a generation request as a job for a model's process, and decode the process's answer."""

import math
from pathlib import Path
from typing import Final

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.routing.abilities import SizeLimits
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, GenerationRequest, Picture, ReferenceImage
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.folder import Weights
from limner.providers.diffusers.pipeline_options import PipelineOptions

_MEGAPIXEL: Final = 1024 * 1024
_STEP: Final = 16
"""One latent stands for 8x8 pixels, and one patch for 2x2 latents."""

_MIN_SIDE: Final = 64
_MAX_SIDE: Final = 4096

LIMITS: Final = SizeLimits(_STEP, _MIN_SIDE, 2048, max_pixels=2 * _MEGAPIXEL, ratio=3.0)
"""The sizes that callers may ask for: beyond two megapixels the models repeat themselves, and the memory runs out."""

_TRAINED_SHAPES: Final = (
    *("672:1568", "688:1504", "720:1456", "752:1392", "800:1328", "832:1248", "880:1184", "944:1104"),
    "1024:1024",
    *("1104:944", "1184:880", "1248:832", "1328:800", "1392:752", "1456:720", "1504:688", "1568:672"),
)
"""The sizes of reference pictures in Kontext's training, from diffusers' `FluxKontextPipeline`."""


def encode(
    request: GenerationRequest, weights: Weights, options: PipelineOptions, number: int
) -> job_lines.PipelineJob | Failure:
    """The job for a request, or why the model cannot do it."""
    facts = weights.facts
    if len(request.references) > facts.pictures:
        return _too_many(request, weights)
    width, height = request.pixels(LIMITS) or _sides(_shape(request), options.megapixels)
    several = facts.one_canvas and len(request.references) > 1
    return job_lines.PipelineJob(
        number=number,
        model=job_lines.PipelineModel(
            str(weights.folder), weights.pipeline, options.device, options.dtype, options.offload
        ),
        prompt=f"{_legend(len(request.references))}\n{request.prompt}" if several else request.prompt,
        width=width,
        height=height,
        steps=facts.steps if options.steps is None else options.steps,
        guidance=facts.guidance if options.guidance is None else float(options.guidance),
        max_sequence_length=options.max_sequence_length or facts.max_sequence_length,
        seed=request.seed,
        references=tuple(str(reference.path) for reference in request.references),
        canvas=_canvas(request.references, options) if facts.one_canvas and request.references else None,
        out=str(request.workdir / "picture.png"),
    )


def _too_many(request: GenerationRequest, weights: Weights) -> Failure:
    given, most = len(request.references), weights.facts.pictures
    takes = f"{most} reference pictures at most" if most else "no reference pictures"
    return Failure(FailureKind.BAD_INPUT, f"{weights.folder.name} takes {takes}, {given} came")


def _shape(request: GenerationRequest) -> str:
    """The requested aspect ratio, else that of the first reference picture, else 1:1."""
    if request.aspect_ratio:
        shape = request.aspect_ratio
    elif request.references:
        shape = f"{request.references[0].width}:{request.references[0].height}"
    else:
        shape = "1:1"
    return within(shape, "1:3", "3:1")


def _sides(shape: str, megapixels: float) -> tuple[int, int]:
    return size_for(shape, pixels=round(megapixels * _MEGAPIXEL), step=_STEP, least=_MIN_SIDE, most=_MAX_SIDE)


def _legend(pictures: int) -> str:
    names = ", ".join(f"image {number}" for number in range(1, pictures + 1))
    return f"The input image shows {pictures} pictures side by side, from left to right: {names}."


def _canvas(references: tuple[ReferenceImage, ...], options: PipelineOptions) -> tuple[int, int]:
    """The size of Kontext's input: a trained size for one reference, a row of equal heights for several."""
    megapixels = min(1.0, options.megapixels)
    width = sum(reference.width / reference.height for reference in references)
    row = f"{round(1000 * width)}:1000"
    if len(references) > 1 or within(row, _TRAINED_SHAPES[0], _TRAINED_SHAPES[-1]) != row:
        return _sides(row, megapixels)
    trained = nearest(row, _TRAINED_SHAPES).split(":")
    wide, high = (max(_MIN_SIDE, round(int(side) * math.sqrt(megapixels) / _STEP) * _STEP) for side in trained)
    return wide, high


# --- decode -------------------------------------------------------------------------------------------------------


def decode(answer: job_lines.Line, job: job_lines.PipelineJob) -> Delivered | Failure:
    """The outcome that the process's final answer to a job stands for."""
    if "failed" in answer:
        return Failure(FailureKind(answer["failed"]), answer["reason"], detail=answer["detail"])
    served_by = {
        "provider": "diffusers",
        "model": Path(job.model.folder).name,
        "pipeline": job.model.pipeline,
        "generative": True,
        "steps": job.steps,
        "guidance": job.guidance,
        **answer["done"],
    }
    return Delivered(Picture(Path(job.out)), served_by)


def process_failure(code: int | None, *, loading: bool) -> Failure:
    """The failure for a process that ended during a job: it crashed, or the system's OOM killer ended it."""
    killed = code == -9
    about = "was killed, probably for lack of memory," if killed else "ended"
    doing = "loading its weights" if loading else "drawing"
    kind = FailureKind.MODEL_UNAVAILABLE if killed and loading else FailureKind.TRANSIENT
    return Failure(kind, f"the model's process {about} while it was {doing}", detail=f"exit status {code}")
