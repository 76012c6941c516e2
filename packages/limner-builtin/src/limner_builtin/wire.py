"""The lines that the provider and its child process exchange: one JSON object a line. Standard library only."""

import json
from dataclasses import asdict, dataclass
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EngineTask:
    """One order as it goes to the child. Paths are strings here; `out` is where the PNG is to be written."""

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
