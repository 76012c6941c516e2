"""An order as a job for a model's process, and what the process says as an outcome."""

import math
from pathlib import Path
from typing import Final

from limner.domain.aspect_ratio import nearest, size_for, within
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, GenerationRequest, Picture, ReferenceImage
from limner.providers.diffusers import job_lines
from limner.providers.diffusers.folder import Weights
from limner.providers.diffusers.pipeline_options import PipelineOptions

_MEGAPIXEL: Final = 1024 * 1024
_STEP: Final = 16
"""Eight pixels of the picture are one of its latents, and two latents are one patch."""

_LEAST: Final = 64
_MOST: Final = 4096

_TRAINED_SHAPES: Final = (
    *("672:1568", "688:1504", "720:1456", "752:1392", "800:1328", "832:1248", "880:1184", "944:1104"),
    "1024:1024",
    *("1104:944", "1184:880", "1248:832", "1328:800", "1392:752", "1456:720", "1504:688", "1568:672"),
)
"""What Kontext saw its references in; from diffusers' own pipeline."""


def encode(
    order: GenerationRequest, weights: Weights, wishes: PipelineOptions, number: int
) -> job_lines.PipelineJob | Failure:
    """The order as the model's process takes it, or why it would not."""
    facts = weights.facts
    if len(order.references) > facts.pictures:
        return _too_many(order, weights)
    shape = _shape(order)
    width, height = _sides(shape, wishes.megapixels)
    several = facts.one_canvas and len(order.references) > 1
    return job_lines.PipelineJob(
        number=number,
        model=job_lines.PipelineModel(
            str(weights.folder), weights.pipeline, wishes.device, wishes.dtype, wishes.offload
        ),
        prompt=f"{_legend(len(order.references))}\n{order.prompt}" if several else order.prompt,
        width=width,
        height=height,
        steps=facts.steps if wishes.steps is None else wishes.steps,
        guidance=facts.guidance if wishes.guidance is None else float(wishes.guidance),
        max_sequence_length=wishes.max_sequence_length or facts.max_sequence_length,
        seed=order.seed,
        references=tuple(str(reference.path) for reference in order.references),
        canvas=_canvas(order.references, wishes) if facts.one_canvas and order.references else None,
        out=str(order.workdir / "picture.png"),
    )


def _too_many(order: GenerationRequest, weights: Weights) -> Failure:
    given, most = len(order.references), weights.facts.pictures
    takes = f"{most} reference pictures at most" if most else "no reference pictures"
    return Failure(FailureKind.BAD_INPUT, f"{weights.folder.name} takes {takes}, {given} came")


def _shape(order: GenerationRequest) -> str:
    """What is asked for, else that of the picture to work from, else a square."""
    if order.aspect_ratio:
        shape = order.aspect_ratio
    elif order.references:
        shape = f"{order.references[0].width}:{order.references[0].height}"
    else:
        shape = "1:1"
    return within(shape, "1:3", "3:1")


def _sides(shape: str, megapixels: float) -> tuple[int, int]:
    return size_for(shape, pixels=round(megapixels * _MEGAPIXEL), step=_STEP, least=_LEAST, most=_MOST)


def _legend(pictures: int) -> str:
    names = ", ".join(f"image {number}" for number in range(1, pictures + 1))
    return f"The input image shows {pictures} pictures side by side, from left to right: {names}."


def _canvas(references: tuple[ReferenceImage, ...], wishes: PipelineOptions) -> tuple[int, int]:
    """The size of what Kontext sees: for one picture a size it was trained on, for several a row of equal heights."""
    megapixels = min(1.0, wishes.megapixels)
    width = sum(reference.width / reference.height for reference in references)
    row = f"{round(1000 * width)}:1000"
    if len(references) > 1 or within(row, _TRAINED_SHAPES[0], _TRAINED_SHAPES[-1]) != row:
        return _sides(row, megapixels)
    trained = nearest(row, _TRAINED_SHAPES).split(":")
    wide, high = (max(_LEAST, round(int(side) * math.sqrt(megapixels) / _STEP) * _STEP) for side in trained)
    return wide, high


# --- what came of it ----------------------------------------------------------------------------------------------


def decode(answer: job_lines.Line, job: job_lines.PipelineJob) -> Delivered | Failure:
    """What the process's last word about a job means."""
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


def ended(code: int | None, *, loading: bool) -> Failure:
    """A process that is gone: a crash, or the system's way to take memory back."""
    killed = code == -9
    about = "was killed, as the system does when memory runs out," if killed else "ended"
    doing = "loading its weights" if loading else "drawing"
    kind = FailureKind.MODEL_UNAVAILABLE if killed and loading else FailureKind.TRANSIENT
    return Failure(kind, f"the model's process {about} while it was {doing}", detail=f"exit status {code}")
