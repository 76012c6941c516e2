"""The protocol between the provider and a model's process: one JSON object per line. Standard library only.

To the process: a `PipelineJob`, or `{"abandon": number}`. From it, each with the job's `number`: `loaded`, `progress`
(0 to 100), and as the final answer `done`, or `failed` with `reason` and `detail`. `broken` beside `failed` means that
the process can do no further job.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PipelineModel:
    """What one process has loaded: a folder's pipeline on a device. See `PipelineOptions` and `Weights`."""

    folder: str
    pipeline: str
    device: str
    dtype: str
    offload: str


@dataclass(frozen=True, slots=True)
class PipelineJob:
    """One picture to make.

    `references` are paths; `canvas` is the size in pixels of the one picture they are joined into, if they are.
    `width` and `height` are in pixels; `out` is the path of the PNG to write.
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
    value: Line = json.loads(line)
    return value


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
