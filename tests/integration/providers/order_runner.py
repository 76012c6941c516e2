"""Runs an order to its end without waiting between polls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from fakes import content_of
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import (
    Accepted,
    Delivered,
    GenerationRequest,
    Pending,
    Provider,
    ReferenceImage,
)
from limner_vendors import Card, read_card, sha_of

MAX_POLLS = 30


@dataclass
class SteppingClock:
    """A clock that advances with each reading."""

    now_s: float = 1_800_000_000.0
    step_s: float = 1.0

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@dataclass
class OrderResult:
    """The result of an order, and the pending answers before it."""

    end: Any
    pending: list[Pending] = field(default_factory=list)

    @property
    def delivered(self) -> Delivered:
        assert isinstance(self.end, Delivered), self.end
        return self.end

    @property
    def card(self) -> Card:
        return read_card(content_of(self.delivered))


def order(workdir: Path, upstream: str, **facts: Any) -> GenerationRequest:
    chosen: dict[str, Any] = {
        "task_id": "task-1",
        "attempt_id": "attempt-1",
        "upstream": upstream,
        "prompt": "a red fox in the snow",
        "spec": TaskSpec(prompt="a red fox in the snow"),
        "references": (),
        "aspect_ratio": None,
        "seed": 7,
        "workdir": workdir,
        "deadline_s": 20.0,
    }
    return GenerationRequest(**chosen | facts)


def image_files(folder: Path, *sizes: tuple[int, int]) -> tuple[ReferenceImage, ...]:
    """Pictures of these sizes, each in another colour."""
    made = []
    for number, size in enumerate(sizes, 1):
        path = folder / f"reference-{number}.png"
        Image.new("RGB", size, (40 * number % 256, 90, 200)).save(path)
        made.append(ReferenceImage(path, "image/png", *size))
    return tuple(made)


def shas(references: tuple[ReferenceImage, ...]) -> tuple[str, ...]:
    return tuple(sha_of(each.path.read_bytes()) for each in references)


async def run_order(provider: Provider, asked: GenerationRequest) -> OrderResult:
    answer = await provider.submit(asked, lambda _: None)
    if not isinstance(answer, Accepted):
        return OrderResult(answer)
    return await poll_to_end(provider, answer.handle, asked)


async def poll_to_end(provider: Provider, handle: Mapping[str, Any], asked: GenerationRequest) -> OrderResult:
    result = OrderResult(None)
    for _ in range(MAX_POLLS):
        answer = await provider.poll(handle, asked)
        if not isinstance(answer, Pending):
            result.end = answer
            return result
        result.pending.append(answer)
        handle = answer.handle or handle
    raise AssertionError(f"not finished after {MAX_POLLS} polls: {result.pending[-1]}")
