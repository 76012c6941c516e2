"""The generation of one image: what is requested, over which routes, until when, and beside which other images."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from limner.application.generation.interrupt import Interrupt
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.ports.provider import GenerationRequest, Report

SIBLING_FAILED = Failure(FailureKind.CANCELLED, "another picture of this task failed")


@dataclass(slots=True)
class SiblingFailure:
    """Shared by the images of one task, of use only together: once one fails, nothing is bought for the others.

    As a context manager it is set by an exception.
    """

    _event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.set()

    async def cut_short(self, pause: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Await `pause()`, but only until another image fails."""
        either = [asyncio.ensure_future(pause()), asyncio.ensure_future(self._event.wait())]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in either:
                each.cancel()
            await asyncio.gather(*either, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Generation:
    """One image of a task.

    `compose` returns the request as a route's provider is to get it. Nothing is submitted after `submit_until_ms`; a
    submitted job is polled until `deadline_ms`, which may be later. `owner` holds the lease.
    """

    task: TaskId
    part: str
    compose: Callable[[Route], GenerationRequest]
    routes: tuple[Route, ...]
    interrupt: Interrupt
    submit_until_ms: int
    deadline_ms: int
    report: Report
    owner: str
    siblings: SiblingFailure

    def left_s(self, now_ms: int) -> float:
        return (self.deadline_ms - now_ms) / 1000

    def submit_within_s(self, now_ms: int) -> float:
        return (self.submit_until_ms - now_ms) / 1000


@dataclass(frozen=True, slots=True)
class GenerationAttempt:
    """One attempt to generate an image, over one route; `id` is its row in the spend journal."""

    generation: Generation
    id: AttemptId
    route: Route

    def request(self, left_s: float) -> GenerationRequest:
        """The request as it is sent. One call may take the route's deadline, or `left_s` where that is less."""
        return replace(
            self.generation.compose(self.route),
            attempt_id=self.id,
            upstream=self.route.upstream,
            options=self.route.options,
            deadline_s=min(self.route.deadline_s, left_s),
        )


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A failure on `route`; None where nothing was submitted on any route."""

    failure: Failure
    route: Route | None
