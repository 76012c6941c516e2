"""The lines that the provider and its child process exchange: one JSON object a line. Standard library only."""

import json
from dataclasses import asdict, dataclass
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EngineTask:
    """One order as it goes to the child. Paths are strings here; `out` is where the picture is to be written.

    `width` and `height` are None for about a megapixel; `quality` is that of a JPEG or WebP, None for the usual one.
    """

    number: int
    prompt: str
    template: str | None
    t_pose: bool
    sketch_to_render: bool
    references: tuple[str, ...]
    own_references: int
    aspect_ratio: str | None
    view: str | None
    seed: int
    out: str
    width: int | None = None
    height: int | None = None
    format: str = "png"
    quality: int | None = None


def encoded(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def decoded(line: bytes) -> Line:
    answer: Line = json.loads(line)
    return answer


def task_line(task: EngineTask) -> bytes:
    return encoded(asdict(task))


def task_of(line: bytes) -> EngineTask:
    fields = decoded(line)
    return EngineTask(**{**fields, "references": tuple(fields["references"])})
