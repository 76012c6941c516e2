"""The generation of one image: what is requested, over which routes, until when, and beside which other images."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

from limner.application.generation.interrupt import Interrupt
from limner.application.generation.journal import DeliveredImage
from limner.db.tables.attempts import Attempt
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

    failed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_set(self) -> bool:
        return self.failed.done()

    def set(self) -> None:
        if not self.is_set:
            self.failed.set_result(None)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.set()


@dataclass(frozen=True, slots=True)
class Generation:
    """One image of a task.

    `compose` returns the request as a route's provider is to get it. Nothing is submitted after `submit_until_ms`; a
    submitted job is polled until `deadline_ms`, which may be later. `owner` holds the lease. `attempts` are those of
    earlier workers. `record` writes the image to the journal, or remembers it for the unit of work that ends the task.
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
    attempts: Sequence[Attempt]
    record: Callable[[DeliveredImage], Awaitable[None]]

    def left_s(self, now_ms: int) -> float:
        return (self.deadline_ms - now_ms) / 1000

    def submit_within_s(self, now_ms: int) -> float:
        return (self.submit_until_ms - now_ms) / 1000


@dataclass(frozen=True, slots=True)
class GenerationAttempt:
    """One attempt to generate an image, over one route, begun at `begun_ms`; `id` is its row in the spend journal."""

    generation: Generation
    id: AttemptId
    route: Route
    begun_ms: int
    _composed: GenerationRequest = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_composed", self.generation.compose(self.route))

    def request(self, left_s: float) -> GenerationRequest:
        """The request as it is sent. One call may take the route's deadline, or `left_s` where that is less."""
        return replace(
            self._composed,
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
