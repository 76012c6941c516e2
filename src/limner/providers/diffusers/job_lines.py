"""The lines that go between the provider and a model's process: one JSON object a line. Standard library only.

To the process: a `PipelineJob`, or `{"give_up": number}`. From it, each with the job's `number`: `loaded`, `progress`
(0 to 100), and as the last word `done`, or `failed` with `reason` and `detail`. `broken` beside `failed` says that the
process is of no more use.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PipelineModel:
    """What a process holds: a folder's pipeline, on a device. The fields are those of `Wishes` and `Weights`."""

    folder: str
    pipeline: str
    device: str
    dtype: str
    offload: str


@dataclass(frozen=True, slots=True)
class PipelineJob:
    """One picture. `references` are files; `canvas` is the size at which they lie side by side, where they do.

    `width` and `height` are the picture's, in pixels; `out` is where the PNG is to be written.
    """

    number: int
    model: PipelineModel
    prompt: str
    width: int
    height: int
    steps: int
    guidance: float
    max_sequence_length: int
    seed: int
    references: tuple[str, ...]
    canvas: tuple[int, int] | None
    out: str


def encoded(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def decoded(line: bytes) -> Line:
    told: Line = json.loads(line)
    return told


def job_line(job: PipelineJob) -> bytes:
    return encoded(asdict(job))


def job_of(line: Line) -> PipelineJob:
    canvas = line["canvas"]
    return PipelineJob(
        **{
            **line,
            "model": PipelineModel(**line["model"]),
            "references": tuple(line["references"]),
            "canvas": (canvas[0], canvas[1]) if canvas else None,
        }
    )
